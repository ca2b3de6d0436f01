/// A value that many tests use and that takes long to make. The first test that asks for it has it made.
actor Shared<Value: Sendable> {
  private let make: @Sendable () async throws -> Value
  private var task: Task<Value, any Error>?

  init(_ make: @escaping @Sendable () async throws -> Value) { self.make = make }

  var value: Value {
    get async throws {
      let task = task ?? Task(operation: make)
      self.task = task
      return try await task.value
    }
  }
}

/// A limit on how many things run at a time; waiting tasks get their turn in order. Time spent waiting does not count
/// towards a run's time limit.
actor Slots {
  /// Each needs a processor of its own and a gigabyte of memory.
  static let virtualMachines = Slots(2)
  /// Runs of virt-bmap that end before an appliance is launched.
  static let shortRuns = Slots(2)

  private var free: Int
  private var waiting: [CheckedContinuation<Void, Never>] = []

  private init(_ count: Int) { free = count }

  /// Runs `body` when a slot is free.
  nonisolated func run<T: Sendable>(_ body: @Sendable () async throws -> T) async throws -> T {
    await enter()
    do {
      let result = try await body()
      await leave()
      return result
    } catch {
      await leave()
      throw error
    }
  }

  private func enter() async {
    guard free == 0 else {
      free -= 1
      return
    }
    await withCheckedContinuation { waiting.append($0) }
  }

  private func leave() {
    if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() }
  }
}
