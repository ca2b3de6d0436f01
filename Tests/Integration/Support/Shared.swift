/// Something that many tests look at and that takes long to make: the first one that asks has it made.
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

/// How many virtual machines run at a time. Each has a processor to itself and a gigabyte of memory.
actor VirtualMachines {
  static let slots = VirtualMachines(count: 2)

  private var free: Int
  private var waiting: [CheckedContinuation<Void, Never>] = []

  private init(count: Int) { free = count }

  /// Runs `body` when there is room for one more.
  static func run<T: Sendable>(_ body: @Sendable () async throws -> T) async throws -> T {
    await slots.enter()
    do {
      let result = try await body()
      await slots.leave()
      return result
    } catch {
      await slots.leave()
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
