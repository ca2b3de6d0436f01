import Glibc
import SystemPackage

/// A test's own directory, removed with everything in it when the test ends.
final class Workspace: Sendable {
  let path: FilePath

  init() throws {
    var template = Array("/var/tmp/diskimage-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Errno(rawValue: errno) }
    path = FilePath(platformString: template)
  }

  deinit {
    // Tests create files and directories at most one level deep.
    for directory in [path.appending("sub"), path.appending("outside")] { empty(directory) }
    empty(path)
  }

  private func empty(_ directory: FilePath) {
    guard let stream = opendir(directory.string) else { return }
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { FilePath(platformString: $0) }
      }
      if name != ".", name != ".." { _ = directory.pushing(name).withPlatformString { remove($0) } }
    }
    closedir(stream)
    rmdir(directory.string)
  }

  func callAsFunction(_ name: String) -> FilePath { path.appending(name) }

  @discardableResult
  func write(_ bytes: some Collection<UInt8>, to name: String) throws -> FilePath {
    let file = try FileDescriptor.open(
      self(name), .writeOnly, options: [.create, .truncate], permissions: [.ownerReadWrite])
    try file.closeAfter { _ = try file.writeAll(bytes) }
    return self(name)
  }

  @discardableResult
  func write(_ text: String, to name: String) throws -> FilePath { try write(Array(text.utf8), to: name) }

  func makeDirectory(_ name: String) throws {
    guard mkdir(self(name).string, 0o755) == 0 else { throw Errno(rawValue: errno) }
  }

  func link(_ name: String, to target: String) throws {
    guard symlink(target, self(name).string) == 0 else { throw Errno(rawValue: errno) }
  }

  func makeFIFO(_ name: String) throws {
    guard mkfifo(self(name).string, 0o600) == 0 else { throw Errno(rawValue: errno) }
  }

  func truncate(_ path: FilePath, to length: UInt64) throws {
    guard Glibc.truncate(path.string, off_t(length)) == 0 else { throw Errno(rawValue: errno) }
  }

  func contents(of path: FilePath) throws -> [UInt8] {
    let file = try FileDescriptor.open(path, .readOnly)
    return try file.closeAfter {
      let count = try file.seek(offset: 0, from: .end)
      var bytes = [UInt8](repeating: 0, count: Int(count))
      let read = try bytes.withUnsafeMutableBytes { try file.read(fromAbsoluteOffset: 0, into: $0) }
      return Array(bytes.prefix(read))
    }
  }

  /// The files in the directory that this process has open, and the directory itself if it is open.
  func openFiles() throws -> [FilePath] {
    guard let stream = opendir("/proc/self/fd") else { throw Errno(rawValue: errno) }
    defer { closedir(stream) }
    var found: [FilePath] = []
    while let entry = readdir(stream) {
      let number = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      var target = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
      guard readlink("/proc/self/fd/\(number)", &target, target.count - 1) > 0 else { continue }
      let file = FilePath(platformString: target)
      if file.starts(with: path) { found.append(file) }
    }
    return found
  }
}
