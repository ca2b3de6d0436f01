import CLinux
import DiskImage
import Glibc
import SystemPackage

/// The file that an overlay's clusters are in.
struct OverlayFile: Sendable {
  let path: FilePath
  let descriptor: FileDescriptor
  let header: OverlayHeader

  /// A new file without a name in `directory`, which is gone when it is closed.
  static func temporary(_ header: OverlayHeader, in directory: FilePath) throws(DiskError) -> OverlayFile {
    var name = directory.appending("virt-bmap-overlay-XXXXXX").withPlatformString {
      Array(UnsafeBufferPointer(start: $0, count: strlen($0) + 1))
    }
    let descriptor = mkstemp(&name)
    guard descriptor >= 0 else { throw failure(directory, "cannot make a temporary file") }
    unlink(name)
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    let file = OverlayFile(path: directory, descriptor: FileDescriptor(rawValue: descriptor), header: header)
    try file.closingOnFailure { () throws(DiskError) in try file.prepare() }
    return file
  }

  /// A new file of this name, or the one that is there, which has to be an overlay of this disk.
  static func kept(_ path: FilePath, _ header: OverlayHeader) throws(DiskError) -> (file: OverlayFile, isNew: Bool) {
    let isNew = path.withPlatformString { access($0, F_OK) } != 0
    let flags = O_RDWR | O_CLOEXEC | (isNew ? O_CREAT | O_EXCL : 0)
    let descriptor = path.withPlatformString { open($0, flags, 0o600) }
    guard descriptor >= 0 else { throw failure(path, "cannot open the overlay") }
    let file = OverlayFile(path: path, descriptor: FileDescriptor(rawValue: descriptor), header: header)
    do {
      try file.lock()
      if isNew {
        try file.prepare()
        try file.synchronize()
        synchronizeDirectory(of: path)
        return (file, true)
      }
      let found = try file.check(header)
      return (OverlayFile(path: path, descriptor: file.descriptor, header: found), false)
    } catch {
      file.close()
      if isNew { _ = path.withPlatformString { unlink($0) } }
      throw error
    }
  }

  /// So that the file's name outlives a crash, too, where the filesystem can do that.
  private static func synchronizeDirectory(of path: FilePath) {
    let directory = path.removingLastComponent()
    guard let opened = try? FileDescriptor.open(directory.isEmpty ? "." : directory, .readOnly) else { return }
    fsync(opened.rawValue)
    try? opened.close()
  }

  func close() { try? descriptor.close() }

  private func closingOnFailure(_ body: () throws(DiskError) -> Void) throws(DiskError) {
    do { try body() } catch {
      close()
      throw error
    }
  }

  /// One server at a time.
  private func lock() throws(DiskError) {
    guard flock(descriptor.rawValue, LOCK_EX | LOCK_NB) != 0 else { return }
    guard errno == EWOULDBLOCK else { throw Self.failure(path, "cannot lock the overlay") }
    throw DiskError(path, "the overlay is in use by another server", errno: EBUSY)
  }

  private func prepare() throws(DiskError) {
    guard ftruncate(descriptor.rawValue, off_t(clamping: header.fileSize)) == 0 else {
      throw Self.failure(path, "cannot make an overlay of \(header.fileSize) bytes, sparse")
    }
    try header.bytes.withBytes { (bytes) throws(DiskError) in try write(bytes, at: 0) }
  }

  /// The header that is in the file.
  private func check(_ wanted: OverlayHeader) throws(DiskError) -> OverlayHeader {
    var status = stat()
    guard fstat(descriptor.rawValue, &status) == 0 else { throw Self.failure(path, "cannot look at the overlay") }
    var bytes = [UInt8](repeating: 0, count: OverlayHeader.size)
    guard status.st_mode & S_IFMT == S_IFREG, status.st_size >= OverlayHeader.size else {
      throw DiskError(path, "this is not an overlay of virt-bmap's", errno: EINVAL)
    }
    try bytes.withMutableBytes { (bytes) throws(DiskError) in try read(into: bytes, at: 0) }
    guard let found = OverlayHeader(bytes) else {
      throw DiskError(path, "this is not an overlay of virt-bmap's", errno: EINVAL)
    }
    guard UInt64(clamping: status.st_size) == found.fileSize else {
      throw DiskError(
        path, "the overlay has \(status.st_size) bytes instead of \(found.fileSize): it was truncated", errno: EINVAL)
    }
    guard found.diskSize == wanted.diskSize else {
      throw DiskError(
        path, "this is an overlay of a disk of \(found.diskSize) bytes, not \(wanted.diskSize)", errno: EINVAL)
    }
    guard found.identity == wanted.identity else {
      throw DiskError(path, "this is an overlay of another disk, or the disk was changed under it", errno: EINVAL)
    }
    return found
  }

  func bitmap() throws(DiskError) -> [UInt64] {
    var words = [UInt64](repeating: 0, count: header.bitmapBytes / 8)
    try words.withMutableBytes { (bytes) throws(DiskError) in
      try read(into: bytes, at: UInt64(OverlayHeader.size))
    }
    return words.map { UInt64(littleEndian: $0) }
  }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(DiskError) {
    var done = 0
    while done < buffer.count {
      let part = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
      let count = pread(descriptor.rawValue, part.baseAddress, part.count, off_t(clamping: offset + UInt64(done)))
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw Self.failure(path, "cannot read the overlay") }
      guard count > 0 else { throw DiskError(path, "the overlay was truncated", errno: EIO) }
      done += count
    }
  }

  func write(_ buffer: UnsafeRawBufferPointer, at offset: UInt64) throws(DiskError) {
    var done = 0
    while done < buffer.count {
      let part = UnsafeRawBufferPointer(rebasing: buffer[done...])
      let count = pwrite(descriptor.rawValue, part.baseAddress, part.count, off_t(clamping: offset + UInt64(done)))
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw Self.failure(path, "cannot write the overlay") }
      done += count
    }
  }

  /// Makes a range read as zeros, without taking room where the filesystem can do that.
  func zero(_ range: Range<UInt64>) throws(DiskError) {
    repeat {
      if clinux_punch_hole(descriptor.rawValue, range.lowerBound, UInt64(range.count)) == 0 { return }
    } while errno == EINTR
    guard errno == EOPNOTSUPP else { throw Self.failure(path, "cannot write the overlay") }
    let zeros = [UInt8](repeating: 0, count: min(range.count, OverlayHeader.clusterSize))
    var offset = range.lowerBound
    while offset < range.upperBound {
      let count = Int(min(UInt64(zeros.count), range.upperBound - offset))
      try zeros.withBytes { (zeros) throws(DiskError) in
        try write(UnsafeRawBufferPointer(rebasing: zeros[..<count]), at: offset)
      }
      offset += UInt64(count)
    }
  }

  /// Where the next data are at or behind a place of the file; nil if there are none.
  func nextData(from place: UInt64) throws(DiskError) -> UInt64? {
    let found = clinux_seek_data(descriptor.rawValue, place)
    return found >= 0 ? UInt64(found) : try nothingFound(from: place, else: place)
  }

  /// Where the next hole is at or behind a place of the file; nil if there is none.
  func nextHole(from place: UInt64) throws(DiskError) -> UInt64? {
    let found = clinux_seek_hole(descriptor.rawValue, place)
    return found >= 0 ? UInt64(found) : try nothingFound(from: place, else: nil)
  }

  private func nothingFound(from place: UInt64, else all: UInt64?) throws(DiskError) -> UInt64? {
    switch errno {
    case ENXIO:
      // Nothing but a hole up to the end, which must still be where it was: what was cut off is not zeros.
      var status = stat()
      guard fstat(descriptor.rawValue, &status) == 0, UInt64(clamping: status.st_size) >= header.fileSize else {
        throw DiskError(path, "the overlay was truncated", errno: EIO)
      }
      return nil
    // The filesystem cannot tell: all of it is data.
    case EINVAL, EOPNOTSUPP: return all
    default: throw Self.failure(path, "cannot tell data from holes of the overlay")
    }
  }

  /// Brings what was written to the storage.
  func synchronize() throws(DiskError) {
    guard fdatasync(descriptor.rawValue) == 0 else { throw Self.failure(path, "cannot write the overlay") }
  }

  private static func failure(_ path: FilePath, _ tried: String) -> DiskError {
    let number = errno
    return DiskError(path, "\(tried): \(Errno(rawValue: number))", errno: number)
  }
}
