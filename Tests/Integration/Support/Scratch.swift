import FoundationEssentials
import Glibc
import SystemPackage

/// A directory of one test, removed with everything in it when the test ends.
///
/// Its path is short, because sockets are made in it.
final class Scratch: Sendable {
  let path: FilePath
  private let isShared: Bool

  init() throws {
    var template = Array("/var/tmp/bmap-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Errno(rawValue: errno) }
    path = FilePath(platformString: template)
    isShared = false
  }

  /// A directory in .build for what all the tests of a run share. It is emptied now and not removed afterwards.
  init(shared name: String) throws {
    isShared = true
    path = Products.package.appending(".build/integration/\(name)")
    if exists(path) { try FileManager.default.removeItem(atPath: path.string) }
    try FileManager.default.createDirectory(atPath: path.string, withIntermediateDirectories: true)
  }

  deinit { if !isShared { try? FileManager.default.removeItem(atPath: path.string) } }

  func callAsFunction(_ name: String) -> FilePath { path.appending(name) }

  @discardableResult
  func makeDirectory(_ name: String) throws -> FilePath {
    guard mkdir(self(name).string, 0o755) == 0 else { throw Errno(rawValue: errno) }
    return self(name)
  }

  @discardableResult
  func write(_ text: String, to name: String) throws -> FilePath { try write(Array(text.utf8), to: name) }

  @discardableResult
  func write(_ bytes: [UInt8], to name: String) throws -> FilePath {
    try bytes.write(to: self(name))
    return self(name)
  }

  /// Makes a file of `size` bytes that is one hole.
  @discardableResult
  func makeHole(_ name: String, size: Int) throws -> FilePath {
    try write([], to: name)
    guard truncate(self(name).string, size) == 0 else { throw Errno(rawValue: errno) }
    return self(name)
  }
}

extension [UInt8] {
  init(contentsOf path: FilePath) throws {
    let file = try FileDescriptor.open(path, .readOnly)
    self = try file.closeAfter { try file.readToEnd() }
  }

  func write(to path: FilePath) throws {
    let file = try FileDescriptor.open(
      path, .writeOnly, options: [.create, .truncate], permissions: FilePermissions(rawValue: 0o644))
    try file.closeAfter { _ = try file.writeAll(self) }
  }

  var text: String { String(decoding: self, as: UTF8.self) }
}

extension FileDescriptor {
  /// Reads from the current position to the end.
  func readToEnd() throws -> [UInt8] {
    var result: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let count = try buffer.withUnsafeMutableBytes { try read(into: $0) }
      guard count > 0 else { return result }
      result += buffer[..<count]
    }
  }

  /// Exactly `count` bytes at `offset`; fewer are an error.
  func bytes(at offset: UInt64, count: Int) throws -> [UInt8] {
    var result = [UInt8](repeating: 0, count: count)
    try result.withUnsafeMutableBytes { try readExactly(into: $0, at: offset) }
    return result
  }

  func readExactly(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws {
    var done = 0
    while done < buffer.count {
      let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
      let count = try read(fromAbsoluteOffset: Int64(offset) + Int64(done), into: rest)
      guard count > 0 else { throw Errno.ioError }
      done += count
    }
  }
}

/// Whether a path exists, even as a dangling symbolic link.
func exists(_ path: FilePath) -> Bool {
  var status = stat()
  return lstat(path.string, &status) == 0
}

/// The size of a file, in bytes.
func fileSize(_ path: FilePath) throws -> UInt64 {
  var status = stat()
  guard stat(path.string, &status) == 0 else { throw Errno(rawValue: errno) }
  return UInt64(status.st_size)
}

/// The names in a directory, including hidden ones, sorted.
func names(in directory: FilePath) throws -> [String] {
  try FileManager.default.contentsOfDirectory(atPath: directory.string).sorted()
}
