import FoundationEssentials
import Glibc
import SystemPackage

/// The processes that one run of a program has started, directly or not. They are found by a variable in their
/// environment.
struct Processes: Sendable {
  static let variable = "BMAP_TEST_RUN"
  let mark: String

  init() { mark = "\(getpid())-\(UInt64.random(in: .min ... .max))" }

  struct Found: Sendable {
    var id: pid_t
    /// The name of the executable, at most 15 bytes.
    var name: String
    var commandLine: String
  }

  func alive() -> [Found] {
    let wanted = Array("\(Self.variable)=\(mark)".utf8)
    let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return entries.compactMap { entry in
      guard let id = pid_t(entry), id != getpid(), let environment = read("/proc/\(id)/environ"),
        environment.split(separator: 0).contains(where: { $0.elementsEqual(wanted) }),
        let name = read("/proc/\(id)/comm"), let line = read("/proc/\(id)/cmdline"), !line.isEmpty
      else { return nil }
      return Found(
        id: id, name: name.text.split(separator: "\n").first.map(String.init) ?? "",
        commandLine: line.split(separator: 0).map { Array($0).text }.joined(separator: " "))
    }
  }

  /// Waits until a process runs whose name starts with `name`.
  func waitFor(_ name: String, within limit: Duration = .seconds(90)) async throws -> pid_t {
    var found: pid_t?
    try await wait(for: "\(name) to run", within: limit) {
      found = alive().first { $0.name.hasPrefix(name) }?.id
      return found != nil
    }
    guard let found else { throw TestFailure("\(name) does not run") }
    return found
  }

  /// The directories for sockets, which libguestfs makes in /tmp even if TMPDIR is set.
  func socketDirectories() -> Set<String> {
    var found: Set<String> = []
    for process in alive() {
      for part in process.commandLine.split(whereSeparator: { $0 == "=" || $0 == "," || $0 == " " })
      where part.hasPrefix("/tmp/libguestfs") {
        found.insert(String(part.split(separator: "/").prefix(2).joined(separator: "/")))
      }
    }
    return Set(found.map { "/" + $0 })
  }

  private func read(_ path: String) -> [UInt8]? { try? [UInt8](contentsOf: FilePath(path)) }
}
