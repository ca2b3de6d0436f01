import Foundation
import Glibc
import SystemPackage
import Testing

@testable import BlockMap

/// A test's own directory, removed with everything in it when the value is destroyed.
struct Scratch: ~Copyable {
  let path: FilePath

  init() throws {
    var template = Array("/tmp/bmap-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Errno(rawValue: errno) }
    path = template.withUnsafeBufferPointer { name in
      name.baseAddress.map { FilePath(platformString: $0) } ?? FilePath()
    }
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path.string)
  }

  /// The names in the directory, sorted.
  func names() throws -> [String] {
    guard let directory = path.withPlatformString({ opendir($0) }) else { throw Errno(rawValue: errno) }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }
}

func readFile(_ path: FilePath) throws -> [UInt8] {
  let descriptor = try FileDescriptor.open(path, .readOnly)
  return try descriptor.closeAfter {
    var content: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = try buffer.withUnsafeMutableBytes { try descriptor.read(into: $0) }
      if count == 0 { return content }
      content.append(contentsOf: buffer[..<count])
    }
  }
}

func writeFile(_ path: FilePath, _ content: [UInt8]) throws {
  let descriptor = try FileDescriptor.open(
    path, .writeOnly, options: [.create, .truncate], permissions: FilePermissions(rawValue: 0o644))
  try descriptor.closeAfter { _ = try descriptor.writeAll(content) }
}

/// Adds an object that must fit.
func add(
  _ kind: ObjectKind, _ device: String, _ path: String? = nil, to builder: inout BlockMapBuilder
) throws -> ObjectID {
  let id = builder.addObject(kind: kind, device: Array(device.utf8), path: path.map { Array($0.utf8) })
  return try #require(id)
}
