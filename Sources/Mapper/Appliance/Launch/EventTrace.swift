import BlockMap
import Glibc
import SystemPackage
import WalkRecord

/// Writes the recorder's events as text, for virt-bmap developers (see HACKING.md): one line for each read and
/// write of the disks, and for each record of the walker.
struct EventTrace {
  /// The environment variable with the name of the file, to which lines are appended.
  static let variable = "VIRT_BMAP_EVENTS"

  private let file: FileDescriptor

  /// Opens the file.
  /// - Returns: nil if the variable is not set.
  init?() throws(MapperError) {
    guard let name = getenv(Self.variable).map({ String(cString: $0) }), !name.isEmpty else { return nil }
    do {
      file = try FileDescriptor.open(
        FilePath(name), .writeOnly, options: [.create, .append, .closeOnExec], permissions: .ownerReadWrite)
    } catch {
      throw .missing("\(name) (\(Self.variable)): cannot open: \(error)")
    }
  }

  func write(_ events: [RecorderEvent]) {
    // An error while writing the trace must not fail the run.
    _ = try? file.writeAll(events.map(Self.lines).joined().utf8)
  }

  func close() { try? file.close() }

  static func lines(_ event: RecorderEvent) -> String {
    guard case .channel(let bytes) = event else { return "\(event)\n" }
    var lines = ""
    do {
      try bytes.withUnsafeBytes { bytes in try forEachRecord(in: bytes) { lines += "record \(text($0))\n" } }
    } catch {
      lines += "record \(error)\n"
    }
    return lines
  }

  /// Escapes the names, which the guest chooses.
  private static func text(_ record: Record) -> String {
    switch record {
    case .object(let id, let parent, let kind, let name):
      "object(id: \(id), parent: \(parent), kind: \(kind), name: \(Escaping.text(name, as: .path)))"
    case .link(let id, let parent, let name):
      "link(id: \(id), parent: \(parent), name: \(Escaping.text(name, as: .path)))"
    case .failure(let parent, let errno, let name):
      "failure(parent: \(parent), errno: \(errno), name: \(Escaping.text(name, as: .path)))"
    default: "\(record)"
    }
  }
}
