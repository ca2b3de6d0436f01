import CLinux
import DiskImage
import Glibc
import SystemPackage

/// An overlay's open file, read and written by place from any number of threads.
struct StoredFile: Sendable {
  /// For messages.
  let path: FilePath
  let descriptor: FileDescriptor

  /// Opens the file of this name, or makes a new one if there is none, for this server alone.
  /// - Throws: `DiskError`; with `EBUSY` where another server has it open.
  static func open(_ path: FilePath) throws(DiskError) -> (file: StoredFile, isNew: Bool) {
    let isNew = path.withPlatformString { access($0, F_OK) } != 0
    let flags = O_RDWR | O_CLOEXEC | (isNew ? O_CREAT | O_EXCL : 0)
    let descriptor = path.withPlatformString { Glibc.open($0, flags, 0o600) }
    guard descriptor >= 0 else { throw failure(path, "cannot open the overlay") }
    let file = StoredFile(path: path, descriptor: FileDescriptor(rawValue: descriptor))
    do throws(DiskError) {
      try file.lock()
    } catch {
      file.close()
      throw error
    }
    return (file, isNew)
  }

  func close() {
    // Not by closing it: a process that was begun meanwhile may have the open file, too, for a moment.
    _ = flock(descriptor.rawValue, LOCK_UN)
    _ = lockBytes(CShort(F_UNLCK))
    try? descriptor.close()
  }

  /// Takes a new file away again, which could not be begun.
  func remove() { _ = path.withPlatformString { unlink($0) } }

  /// One server at a time.
  private func lock() throws(DiskError) {
    guard flock(descriptor.rawValue, LOCK_EX | LOCK_NB) != 0 else { return }
    guard errno == EWOULDBLOCK else { throw failure("cannot lock the overlay") }
    throw DiskError(path, "the overlay is in use by another server", errno: EBUSY)
  }

  /// Keeps qemu's programs from opening the file, and refuses it while one of them has it open.
  ///
  /// They lock bytes from 100 and from 200 on with locks of the open file (see "Disk image file locking" in qemu-block-drivers(7)). Where
  /// the filesystem has no such locks qemu has none either.
  func lockAgainstQemu() throws(DiskError) {
    guard lockBytes(CShort(F_WRLCK)) != 0, errno == EAGAIN || errno == EACCES else { return }
    throw DiskError(path, "the overlay is in use by another program", errno: EBUSY)
  }

  /// Sets or takes away a lock of the open file on the bytes that qemu locks.
  private func lockBytes(_ type: CShort) -> CInt {
    // F_OFD_SETLK of Linux, see fcntl(2), which the Glibc module leaves out.
    let lockOpenFile: CInt = 37
    var lock = Glibc.flock()
    lock.l_type = type
    lock.l_whence = CShort(SEEK_SET)
    lock.l_start = 100
    lock.l_len = 200
    return fcntl(descriptor.rawValue, lockOpenFile, &lock)
  }

  /// So that the file's name outlives a crash, too, where the filesystem can do that.
  func synchronizeDirectory() {
    let directory = path.removingLastComponent()
    guard let opened = try? FileDescriptor.open(directory.isEmpty ? "." : directory, .readOnly) else { return }
    fsync(opened.rawValue)
    try? opened.close()
  }

  func status() throws(DiskError) -> stat {
    var status = stat()
    guard fstat(descriptor.rawValue, &status) == 0 else { throw failure("cannot look at the overlay") }
    return status
  }

  /// Sets the file's length, in bytes; what it grows by is a hole.
  func truncate(to length: UInt64) throws(DiskError) {
    guard ftruncate(descriptor.rawValue, off_t(clamping: length)) == 0 else {
      throw failure("cannot make an overlay of \(length) bytes, sparse")
    }
  }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(DiskError) {
    var done = 0
    while done < buffer.count {
      let part = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
      let count = pread(descriptor.rawValue, part.baseAddress, part.count, off_t(clamping: offset + UInt64(done)))
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw failure("cannot read the overlay") }
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
      guard count > 0 else { throw failure("cannot write the overlay") }
      done += count
    }
  }

  /// Makes a range read as zeros, without taking room where the filesystem can do that.
  func zero(_ range: Range<UInt64>) throws(DiskError) {
    repeat {
      if clinux_punch_hole(descriptor.rawValue, range.lowerBound, UInt64(range.count)) == 0 { return }
    } while errno == EINTR
    guard errno == EOPNOTSUPP else { throw failure("cannot write the overlay") }
    let zeros = [UInt8](repeating: 0, count: min(range.count, 64 << 10))
    var offset = range.lowerBound
    while offset < range.upperBound {
      let count = Int(min(UInt64(zeros.count), range.upperBound - offset))
      try zeros.withBytes { (zeros) throws(DiskError) in
        try write(UnsafeRawBufferPointer(rebasing: zeros[..<count]), at: offset)
      }
      offset += UInt64(count)
    }
  }

  /// Calls `body` with the data and the holes of a range of the file, in order, until it returns false.
  /// - Parameter length: what the file has at least, in bytes: what was cut off is no hole.
  /// - Returns: what `body` returned last.
  func forEachPart(
    of range: Range<UInt64>, length: UInt64, _ body: (Range<UInt64>, _ isHole: Bool) throws(DiskError) -> Bool
  ) throws(DiskError) -> Bool {
    var position = range.lowerBound
    while position < range.upperBound {
      let data = try next(clinux_seek_data, from: position, length, else: position) ?? range.upperBound
      let isHole = data > position
      // A file that changes meanwhile may say that its hole is here already; it is still no endless loop.
      let found = isHole ? data : try next(clinux_seek_hole, from: position, length, else: nil) ?? range.upperBound
      let end = found > position ? min(found, range.upperBound) : range.upperBound
      guard try body(position..<end, isHole) else { return false }
      position = end
    }
    return true
  }

  /// Where the next data are at or behind a place of the file, or the next hole; nil if there are none.
  /// - Parameter all: what holds where the filesystem cannot tell: that all of it is data.
  private func next(
    _ seek: (CInt, UInt64) -> Int64, from place: UInt64, _ length: UInt64, else all: UInt64?
  ) throws(DiskError) -> UInt64? {
    let found = seek(descriptor.rawValue, place)
    if found >= 0 { return UInt64(found) }
    switch errno {
    case ENXIO:
      // Nothing but a hole up to the end, which must still be where it was: what was cut off is not zeros.
      var status = stat()
      guard fstat(descriptor.rawValue, &status) == 0, UInt64(clamping: status.st_size) >= length else {
        throw DiskError(path, "the overlay was truncated", errno: EIO)
      }
      return nil
    case EINVAL, EOPNOTSUPP: return all
    default: throw failure("cannot tell data from holes of the overlay")
    }
  }

  /// Brings what was written to the storage.
  func synchronize() throws(DiskError) {
    guard fdatasync(descriptor.rawValue) == 0 else { throw failure("cannot write the overlay") }
  }

  func failure(_ tried: String) -> DiskError { Self.failure(path, tried) }

  static func failure(_ path: FilePath, _ tried: String) -> DiskError {
    let number = errno
    return DiskError(path, "\(tried): \(Errno(rawValue: number))", errno: number)
  }
}
