import Glibc
import Synchronization
import SystemPackage

/// Linux `SEEK_DATA` and `SEEK_HOLE`, see lseek(2). The Glibc module does not export them.
private let seekData: CInt = 3
private let seekHole: CInt = 4

/// An open file or block device of the host. Any number of threads may read it, using `pread`.
final class HostFile: Sendable {
  /// The name given by the user or by a descriptor, for messages.
  let path: FilePath
  /// The length in bytes when the file was opened. At least 1, at most `Int64.max`.
  let length: UInt64
  /// -1 once closed. Atomic, so that a read after `close` fails, instead of reading another file that was given the
  /// same number.
  private let descriptor: Atomic<CInt>

  /// Takes ownership of an open file descriptor.
  /// - Throws: `DiskError` if it is neither a regular file nor (if `allowDevices`) a block device, or if it is empty.
  ///   The descriptor is then closed.
  init(adopting descriptor: CInt, path: FilePath, allowDevices: Bool) throws(DiskError) {
    self.path = path
    do throws(DiskError) {
      try checkFileKind(descriptor, path: path, allowDevices: allowDevices)
      // fstat does not give the size of a block device, so seek to its end.
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

  /// Opens a regular file or block device that the user named.
  static func open(_ path: FilePath) throws(DiskError) -> HostFile {
    try HostFile(adopting: try openImage(path), path: path, allowDevices: true)
  }

  /// The absolute path of the file, with all symbolic links resolved.
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

  /// Fills the buffer, starting at `offset` (in bytes).
  /// - Throws: `DiskError`; `EIO` if the file ends before the buffer is full.
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

  /// Reads the little-endian number of `width` (4 or 8) bytes at `offset` (in bytes).
  func number(at offset: UInt64, width: Int) throws(DiskError) -> UInt64 {
    var number: UInt64 = 0
    try withNumbers(at: offset, count: 1, width: width) { _, value in number = value }
    return number
  }

  /// Reads `count` little-endian numbers of `width` (4 or 8) bytes at `offset` (in bytes), and calls `body` with the
  /// index and value of each. The caller must limit `count`.
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

  /// Reads `count` bytes at `offset`. The caller must limit `count`.
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

  /// Finds the data and holes in a range of the file. If the filesystem cannot report holes, the whole range is data.
  /// - Parameter range: must lie within `length`.
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
      // If the file changes at the same time, lseek may report a hole at `position` itself. Never loop without
      // advancing.
      let dataEnd = hole > position ? min(hole, range.upperBound) : range.upperBound
      guard try joiner.add(position..<dataEnd, .data, to: body) else { return }
      position = dataEnd
    }
    try joiner.finish(body)
  }

  /// The offset of the next data or hole at or after `position`, or `nil` if there is none.
  private func seek(_ descriptor: CInt, _ whence: CInt, from position: UInt64) throws(DiskError) -> UInt64? {
    guard let from = off_t(exactly: position) else { return nil }
    let found = lseek(descriptor, from, whence)
    if found >= 0 { return UInt64(found) }
    switch errno {
    case ENXIO:
      // Only a hole follows, up to the end of the file. Check that the file has not been truncated: missing data must
      // not be read as zeros.
      guard lseek(descriptor, 0, SEEK_END) >= length else { throw truncated(at: position, count: 1) }
      return nil
    // The filesystem does not support this, so treat everything as data.
    case EINVAL, EOPNOTSUPP: return whence == seekData ? position : nil
    default: throw DiskError(path, systemError: errno, "cannot tell data from holes at offset \(position)")
    }
  }

  func close() {
    let open = descriptor.exchange(-1, ordering: .relaxed)
    if open >= 0 { Glibc.close(open) }
  }
}

/// Opens a regular file or block device that the user named, for reading.
package func openImage(_ path: FilePath) throws(DiskError) -> CInt {
  // `O_NONBLOCK`, because opening a FIFO would wait for a writer. It has no effect on regular files and block devices.
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

/// - Throws: `DiskError` if the descriptor is neither a regular file nor (if `allowDevices`) a block device.
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

/// The absolute path of an open file, with all symbolic links resolved.
/// - Parameter path: the name that it was opened by, for messages.
func resolvedPathOfDescriptor(_ descriptor: CInt, path: FilePath) throws(DiskError) -> FilePath {
  var target = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
  let count = readlink("/proc/self/fd/\(descriptor)", &target, target.count - 1)
  guard count >= 0 else { throw DiskError(path, systemError: errno, "cannot resolve its path through /proc") }
  return FilePath(platformString: target)
}
