import AccessLog
import Appliance
import ArgumentParser
import BlockMap
import DiskImage
import LogReading
import SystemPackage

/// The form of the log that `boot` writes.
enum BootLogFormat: String, ExpressibleByArgument, CaseIterable, Sendable {
  case json, text
}

/// The files that `boot` writes.
struct BootOutputs: Sendable {
  let log: String?
  let format: BootLogFormat
  /// `-` is standard output.
  let console: String?

  /// Prevents a mistyped option from overwriting a disk or the map.
  /// - Throws: `InputError`.
  func check(against inputs: [FilePath]) throws {
    let console = console == "-" ? nil : console
    for name in [log, console].compactMap({ $0 })
    where inputs.contains(where: { isSameFile($0, filePath(name)) }) {
      throw InputError(name, "this is a disk or its map, which would be overwritten")
    }
    if let log, let console, isSameFile(filePath(log), filePath(console)) || log == console {
      throw InputError(log, "the log and the console cannot go to the same file")
    }
  }

  /// Opens and empties a file.
  /// - Throws: `InputError`.
  static func open(_ name: String) throws -> FileDescriptor {
    do {
      return try FileDescriptor.open(
        filePath(name), .writeOnly, options: [.create, .truncate, .append, .closeOnExec],
        permissions: FilePermissions(rawValue: 0o666))
    } catch {
      throw InputError(name, "\(error)")
    }
  }
}

/// A file that is written while the guest runs. After an error, the rest is dropped.
struct BootFile {
  private let name: String
  private let file: FileDescriptor
  private(set) var failure: InputError?

  init(_ name: String) throws {
    self.name = name
    file = try BootOutputs.open(name)
  }

  var descriptor: Int32 { file.rawValue }

  mutating func write(_ bytes: some Collection<UInt8>) {
    guard failure == nil, !bytes.isEmpty else { return }
    do {
      _ = try file.writeAll(bytes)
    } catch {
      failure = InputError(name, "cannot be written: \(error)")
    }
  }

  mutating func fail(_ reason: String) { failure = failure ?? InputError(name, reason) }

  mutating func close() {
    do {
      try file.close()
    } catch {
      failure = failure ?? InputError(name, "cannot be written: \(error)")
    }
  }
}
