import Glibc
import Synchronization
import SystemPackage

/// `SEEK_DATA` and `SEEK_HOLE` of Linux, see lseek(2), which the Glibc module leaves out.
private let seekData: CInt = 3
private let seekHole: CInt = 4

/// An open file or block device of the host, read with `pread` from any number of threads.
final class HostFile: Sendable {
  /// The name the user or a descriptor gave it, for messages.
  let path: FilePath
  /// In bytes, when it was opened. Not 0, and not above `Int64.max`.
  let length: UInt64
  /// -1 once closed. Atomic, so that a read after `close` fails instead of reading what got the number next.
  private let descriptor: Atomic<CInt>

  /// Takes over an open descriptor of a file that may be a disk.
  /// - Throws: `DiskError`, the descriptor closed, where it is neither a regular file nor, if these are allowed, a block
  ///   device, or where it is empty.
  init(adopting descriptor: CInt, path: FilePath, allowDevices: Bool) throws(DiskError) {
    self.path = path
    do throws(DiskError) {
      try checkFileKind(descriptor, path: path, allowDevices: allowDevices)
      // A block device has no length in its inode; its end is where seeking finds it.
      let end = lseek(descriptor, 0, SEEK_END)
      guard end >= 0 else { throw DiskError(path, systemError: errno, "cannot tell its size") }
      guard end > 0 else { throw DiskError(path, "is empty: not a disk", errno: EINVAL) }
      length = UInt64(end)
    } catch {
      Glibc.close(descriptor)
      throw error
    }
    self.descriptor = Atomic(descriptor)
  }

  deinit { close() }

  /// Opens what the user named: a regular file or a block device.
  static func open(_ path: FilePath) throws(DiskError) -> HostFile {
    try HostFile(adopting: try openImage(path), path: path, allowDevices: true)
  }

  /// Where the file really lies: its absolute path after resolving every symbolic link.
  func resolvedPath() throws(DiskError) -> FilePath {
    try resolvedPathOfDescriptor(descriptor.load(ordering: .relaxed), path: path)
  }

  func identity() throws(DiskError) -> FileIdentity {
    var status = stat()
    guard fstat(descriptor.load(ordering: .relaxed), &status) == 0 else {
      throw DiskError(path, systemError: errno, "cannot examine")
    }
    return FileIdentity(status)
  }

  /// Fills the buffer from the bytes at `offset`.
  /// - Throws: `DiskError`; with `EIO` where the file ends before.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(DiskError) {
    guard var target = buffer.baseAddress else { return }
    let descriptor = descriptor.load(ordering: .relaxed)
    var position = offset
    var remaining = buffer.count
    while remaining > 0 {
      guard let from = off_t(exactly: position) else { throw truncated(at: offset, count: buffer.count) }
      let count = pread(descriptor, target, remaining, from)
      if count > 0 {
        target += count
        remaining -= count
        position &+= UInt64(count)
      } else if count == 0 {
        throw truncated(at: offset, count: buffer.count)
      } else if errno != EINTR {
        throw DiskError(path, systemError: errno, "cannot read \(buffer.count) bytes at offset \(offset)")
      }
    }
  }

  /// The little-endian number of 4 or 8 bytes at `offset` (in bytes).
  func number(at offset: UInt64, width: Int) throws(DiskError) -> UInt64 {
    var number: UInt64 = 0
    try withNumbers(at: offset, count: 1, width: width) { _, value in number = value }
    return number
  }

  /// Calls `body` with each of the `count` little-endian numbers of 4 or 8 bytes at `offset` (in bytes), and its index.
  /// The caller bounds `count`.
  func withNumbers(
    at offset: UInt64, count: Int, width: Int, _ body: (Int, UInt64) -> Void
  ) throws(DiskError) {
    var failure: DiskError?
    withUnsafeTemporaryAllocation(byteCount: count * width, alignment: 8) { bytes in
      do throws(DiskError) {
        try read(into: bytes, at: offset)
        if width == 8 {
          for index in 0..<count {
            body(index, UInt64(littleEndian: bytes.load(fromByteOffset: index * 8, as: UInt64.self)))
          }
        } else {
          for index in 0..<count {
            body(index, UInt64(UInt32(littleEndian: bytes.load(fromByteOffset: index * 4, as: UInt32.self))))
          }
        }
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
  }

  /// The `count` bytes at `offset`. The caller bounds `count`.
  func bytes(at offset: UInt64, count: Int) throws(DiskError) -> [UInt8] {
    var failure: DiskError?
    var elements = [UInt8](repeating: 0, count: count)
    elements.withUnsafeMutableBytes { buffer in
      do throws(DiskError) { try read(into: buffer, at: offset) } catch { failure = error }
    }
    if let failure { throw failure }
    return elements
  }

  private func truncated(at offset: UInt64, count: Int) -> DiskError {
    DiskError(path, "the file ends before byte \(offset) + \(count): it was truncated", errno: EIO)
  }

  /// The data and the holes of a range of the file, as its filesystem knows them. Where it does not: all data.
  /// - Parameter range: lies within `length`.
  func extents(in range: Range<UInt64>, _ body: (DiskExtent) throws(DiskError) -> Bool) throws(DiskError) {
    let descriptor = descriptor.load(ordering: .relaxed)
    var joiner = ExtentJoiner()
    var position = range.lowerBound
    while position < range.upperBound {
      let data = try seek(descriptor, seekData, from: position) ?? range.upperBound
      let dataStart = min(max(data, position), range.upperBound)
      guard try joiner.add(position..<dataStart, .hole, to: body) else { return }
      position = dataStart
      guard position < range.upperBound else { break }
      let hole = try seek(descriptor, seekHole, from: position) ?? range.upperBound
      // A file that changes meanwhile may say that its hole is here already; it is still no endless loop.
      let dataEnd = hole > position ? min(hole, range.upperBound) : range.upperBound
      guard try joiner.add(position..<dataEnd, .data, to: body) else { return }
      position = dataEnd
    }
    try joiner.finish(body)
  }

  /// The next data or hole at or after `position`, nil if there is none.
  private func seek(_ descriptor: CInt, _ whence: CInt, from position: UInt64) throws(DiskError) -> UInt64? {
    guard let from = off_t(exactly: position) else { return nil }
    let found = lseek(descriptor, from, whence)
    if found >= 0 { return UInt64(found) }
    switch errno {
    case ENXIO:
      // Nothing but a hole up to the end, which must still be where it was: what was cut off is not zeros.
      guard lseek(descriptor, 0, SEEK_END) >= length else { throw truncated(at: position, count: 1) }
      return nil
    // The filesystem cannot tell: all of it is data.
    case EINVAL, EOPNOTSUPP: return whence == seekData ? position : nil
    default: throw DiskError(path, systemError: errno, "cannot tell data from holes at offset \(position)")
    }
  }

  func close() {
    let open = descriptor.exchange(-1, ordering: .relaxed)
    if open >= 0 { Glibc.close(open) }
  }
}

/// Opens what the user named, a regular file or a block device, to read it.
package func openImage(_ path: FilePath) throws(DiskError) -> CInt {
  // Opening a FIFO waits for a writer, unless it is not to block. The flag has no effect on what is accepted then.
  let descriptor = openFile(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
  guard descriptor >= 0 else { throw DiskError(path, systemError: errno, "cannot open") }
  do throws(DiskError) {
    try checkFileKind(descriptor, path: path, allowDevices: true)
  } catch {
    Glibc.close(descriptor)
    throw error
  }
  return descriptor
}

/// - Throws: `DiskError` where the descriptor is not a regular file nor, if these are allowed, a block device.
func checkFileKind(_ descriptor: CInt, path: FilePath, allowDevices: Bool) throws(DiskError) {
  var status = stat()
  guard fstat(descriptor, &status) == 0 else { throw DiskError(path, systemError: errno, "cannot examine") }
  let kind: String
  switch status.st_mode & S_IFMT {
  case S_IFREG: return
  case S_IFBLK:
    if allowDevices { return }
    kind = "a block device"
  case S_IFDIR: throw DiskError(path, "is a directory, not a disk", errno: EISDIR)
  case S_IFIFO: kind = "a FIFO"
  case S_IFCHR: kind = "a character device"
  case S_IFSOCK: kind = "a socket"
  default: kind = "not a regular file"
  }
  let wanted =
    allowDevices ? "a regular file or a block device" : "a regular file (allow-external allows a block device)"
  throw DiskError(path, "is \(kind), where a disk has to be \(wanted)", errno: EINVAL)
}

/// The absolute path of an open file, without symbolic links.
/// - Parameter path: the name it was opened by, for messages.
func resolvedPathOfDescriptor(_ descriptor: CInt, path: FilePath) throws(DiskError) -> FilePath {
  var target = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
  let count = readlink("/proc/self/fd/\(descriptor)", &target, target.count - 1)
  guard count >= 0 else { throw DiskError(path, systemError: errno, "cannot resolve its place through /proc") }
  return FilePath(platformString: target)
}
