import Glibc
import SystemPackage

/// A temporary file without a name, so that nothing is left behind. It is under `$TMPDIR` or /var/tmp.
struct UnnamedFile {
  private let descriptor: FileDescriptor

  /// Where temporary files are made.
  static var directory: String {
    let named = getenv("TMPDIR").map { String(cString: $0) } ?? ""
    return named.isEmpty ? "/var/tmp" : named
  }

  /// - Throws: `OutputError`.
  init() throws { self = try Self.opened { _ in }.file }

  /// Makes a file that `open` opens by its name, before the name is removed.
  /// - Throws: `OutputError`, and what `open` throws.
  static func opened<T>(_ open: (FilePath) throws -> T) throws -> (file: UnnamedFile, opened: T) {
    var template = Array("\(directory)/virt-bmap-XXXXXX".utf8CString)
    let number = mkstemp(&template)
    guard number >= 0 else {
      throw OutputError("\(directory): no temporary file can be made: \(Errno(rawValue: errno))")
    }
    defer { unlink(template) }
    _ = fcntl(number, F_SETFD, FD_CLOEXEC)
    let file = UnnamedFile(descriptor: FileDescriptor(rawValue: number))
    do {
      return (file, try open(FilePath(platformString: template)))
    } catch {
      file.close()
      throw error
    }
  }

  private init(descriptor: FileDescriptor) { self.descriptor = descriptor }

  /// The name under which this process can open the file.
  var path: FilePath { FilePath("/dev/fd/\(descriptor.rawValue)") }

  /// Up to `count` bytes at an offset; none at the end of the file.
  /// - Throws: `OutputError`.
  func read(_ count: Int, at offset: Int64) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    do {
      let read = try bytes.withUnsafeMutableBytes { try descriptor.read(fromAbsoluteOffset: offset, into: $0) }
      return Array(bytes.prefix(read))
    } catch {
      throw OutputError("a temporary file cannot be read: \(error)")
    }
  }

  func close() { try? descriptor.close() }
}
