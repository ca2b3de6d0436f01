import Appliance
import ArgumentParser
import Glibc
import SystemPackage

/// The keys of encrypted devices.
struct KeyOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Key of an encrypted device. DEVICE is its libguestfs name, its UUID, or all. May be repeated.",
      valueName: "DEVICE:key:KEY|DEVICE:file:FILE"))
  var key: [String] = []

  func keys() throws -> [DeviceKey] { try key.map { try KeyOption(argument: $0).deviceKey() } }
}

/// `SELECTOR:key:KEY` or `SELECTOR:file:FILE`, as in libguestfs's tools.
struct KeyOption {
  private let selector: DeviceKey.Selector
  private let source: Source

  private enum Source {
    case key([UInt8])
    case file(FilePath)
  }

  /// The error message does not show the argument, because it can contain a key.
  init(argument: String) throws {
    let fields = ArgumentBytes.decode(argument).split(
      separator: 0x3a, maxSplits: 2, omittingEmptySubsequences: false)
    let wrong = ValidationError("--key: give DEVICE:key:KEY or DEVICE:file:FILE")
    guard fields.count == 3, !fields[0].isEmpty, !fields[2].isEmpty else { throw wrong }
    selector = fields[0].elementsEqual("all".utf8) ? .all : .device(Array(fields[0]))
    switch String(decoding: fields[1], as: UTF8.self) {
    case "key": source = .key(Array(fields[2]))
    case "file": source = .file(FilePath(bytes: Array(fields[2])))
    default: throw wrong
    }
  }

  /// In bytes; longer than any passphrase that cryptsetup accepts.
  private static let maximumBytes = 8 << 20

  /// Reads the key, from its file if there is one. A newline at the end of the file is not part of the key.
  func deviceKey() throws -> DeviceKey {
    switch source {
    case .key(let key): return DeviceKey(selector: selector, passphrase: key)
    case .file(let path):
      var key = try read(path)
      // A startup key of BitLocker is binary, and may end with any byte.
      if key.last == 0x0a, !key.contains(0) { key.removeLast() }
      return DeviceKey(selector: selector, passphrase: key)
    }
  }

  private func read(_ path: FilePath) throws(KeyFileError) -> [UInt8] {
    do {
      let file = try FileDescriptor.open(path, .readOnly)
      defer { try? file.close() }
      var bytes: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 4096)
      while bytes.count <= Self.maximumBytes {
        let count = try buffer.withUnsafeMutableBytes { try file.read(into: $0) }
        guard count > 0 else { return bytes }
        bytes += buffer[..<count]
      }
      throw Errno.fileTooLarge
    } catch {
      throw KeyFileError(path: path, reason: (error as? Errno)?.description ?? String(describing: error))
    }
  }
}

/// A key file that cannot be read.
struct KeyFileError: Error, CustomStringConvertible {
  var path: FilePath
  var reason: String

  var description: String { "\(path): the key cannot be read: \(reason)" }
}
