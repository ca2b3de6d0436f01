import Glibc
import Synchronization
import SystemPackage
import Testing

/// One run of `virt-bmap`, with its own directory for temporary files and its own mark in the environment, so that
/// anything it leaves behind can be found.
final class MapperRun: Sendable {
  let scratch: Scratch
  let processes = Processes()
  private let temporary: FilePath
  private let socketDirectories = Mutex<Set<String>>([])

  /// Turns hardware virtualization off, whether the machine has it or not.
  static let emulated = "force_tcg"

  init() throws {
    scratch = try Scratch()
    temporary = try scratch.makeDirectory("t")
  }

  /// Runs virt-bmap in `directory`, by default the scratch directory.
  ///
  /// A run that ends before the appliance is launched does not have to wait for a virtual machine slot.
  func callAsFunction(
    _ arguments: [any Word], in directory: FilePath? = nil, environment: [String: String?] = [:],
    launchesAppliance: Bool = true, limit: Duration = .seconds(1800),
    during: @escaping @Sendable (Running) async throws -> Void = { _ in }
  ) async throws -> Outcome {
    try await execute(
      [try Products.mapper] + arguments, in: directory, environment: environment,
      launchesAppliance: launchesAppliance, limit: limit, during: during)
  }

  /// Runs a command that runs virt-bmap in turn.
  func execute(
    _ words: [any Word], in directory: FilePath? = nil, environment: [String: String?] = [:],
    launchesAppliance: Bool = true, limit: Duration = .seconds(1800),
    during: @escaping @Sendable (Running) async throws -> Void = { _ in }
  ) async throws -> Outcome {
    var variables: [String: String?] = [
      "LIBGUESTFS_BACKEND_SETTINGS": Self.emulated, "LIBGUESTFS_CACHEDIR": "/var/tmp", "TMPDIR": temporary.string,
      "XDG_RUNTIME_DIR": temporary.string, "LC_ALL": "C", Processes.variable: processes.mark,
    ]
    variables.merge(environment) { $1 }
    let environment = variables
    let body: @Sendable () async throws -> Outcome = {
      let watch = Task { try await self.watch() }
      defer { watch.cancel() }
      return try await run(
        words[0].bytes.text, Array(words.dropFirst()), environment: environment, in: directory ?? self.scratch.path,
        limit: limit, during: during)
    }
    let slots = launchesAppliance ? Slots.virtualMachines : .shortRuns
    return try await slots.run(body)
  }

  private func watch() async throws {
    while true {
      let found = processes.socketDirectories()
      socketDirectories.withLock { $0.formUnion(found) }
      try await Task.sleep(for: .milliseconds(200))
    }
  }

  /// Checks that no processes and no temporary files are left. Processes get 10 seconds to end.
  func expectNothingLeft(sourceLocation: SourceLocation = #_sourceLocation) async throws {
    let deadline = ContinuousClock.now + .seconds(10)
    while !processes.alive().isEmpty, ContinuousClock.now < deadline { try await Task.sleep(for: .milliseconds(100)) }
    let alive = processes.alive()
    #expect(alive.isEmpty, "processes are left", sourceLocation: sourceLocation)
    for process in alive { kill(process.id, SIGKILL) }
    let files = try names(in: temporary)
    #expect(files == [], "temporary files are left", sourceLocation: sourceLocation)
    let sockets = socketDirectories.withLock { $0 }.filter { exists(FilePath($0)) }
    #expect(sockets.isEmpty, "directories of sockets are left", sourceLocation: sourceLocation)
  }
}

/// Checks that a run failed as it should: status 1, nothing on standard output, and one line on standard error that
/// contains each of `words`.
func expectOneLine(
  _ outcome: Outcome, _ words: String..., sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(outcome.end == .exited(1), sourceLocation: sourceLocation)
  #expect(outcome.output.text == "", sourceLocation: sourceLocation)
  let said = outcome.errors.text
  #expect(outcome.errorLines.count == 1 && said.hasSuffix("\n"), "\(said)", sourceLocation: sourceLocation)
  #expect(said.hasPrefix("virt-bmap: "), "\(said)", sourceLocation: sourceLocation)
  for word in words { #expect(said.contains(word), "\(said)", sourceLocation: sourceLocation) }
}
