import CLinux
import DiskImage
import Glibc
import SystemPackage

/// An overlay's open file, read and written by place from any number of threads.
struct StoredFile: Sendable {
  /// For messages.
  let path: FilePath
  let descriptor: FileDescriptor

  /// Where a new file is until it has its name.
  private enum Place {
    /// It has its name.
    case named
    /// It has none at all (`O_TMPFILE`): a crash leaves nothing behind.
    case unnamed
    /// Where the filesystem has no such files: it has this one meanwhile.
    case temporary(FilePath)
  }
  private var place = Place.named

  init(path: FilePath, descriptor: FileDescriptor) {
    self.path = path
    self.descriptor = descriptor
  }

  /// Opens the file of this name, or makes a new one if there is none, for this server alone.
  ///
  /// A new one gets its name by `publish`, when it is whole: what a crash leaves before must not be taken for an overlay.
  /// - Parameter allowingUnnamed: false to behave as on a filesystem without `O_TMPFILE`.
  /// - Throws: `DiskError`; with `EBUSY` where another server has it open.
  static func open(
    _ path: FilePath, allowingUnnamed: Bool = true
  ) throws(DiskError) -> (file: StoredFile, isNew: Bool) {
    let isNew = path.withPlatformString { access($0, F_OK) } != 0
    let file = isNew ? try create(path, allowingUnnamed) : try openExisting(path)
    do throws(DiskError) {
      try file.lock()
    } catch {
      file.close()
      if isNew { file.remove() }
      throw error
    }
    return (file, isNew)
  }

  private static func openExisting(_ path: FilePath) throws(DiskError) -> StoredFile {
    let descriptor = path.withPlatformString { Glibc.open($0, O_RDWR | O_CLOEXEC) }
    guard descriptor >= 0 else { throw failure(path, "cannot open the overlay") }
    return StoredFile(path: path, descriptor: FileDescriptor(rawValue: descriptor))
  }

  private static func create(_ path: FilePath, _ allowingUnnamed: Bool) throws(DiskError) -> StoredFile {
    let directory = path.removingLastComponent().isEmpty ? "." : path.removingLastComponent()
    if allowingUnnamed {
      // glibc's O_TMPFILE is a macro that Swift does not import.
      let flags = 0o20_000_000 | O_DIRECTORY | O_RDWR | O_CLOEXEC
      let descriptor = directory.withPlatformString { Glibc.open($0, flags, 0o600) }
      // It gets its name through /proc, which a chroot may lack.
      if descriptor >= 0, access("/proc/self/fd/\(descriptor)", F_OK) == 0 {
        var file = StoredFile(path: path, descriptor: FileDescriptor(rawValue: descriptor))
        file.place = .unnamed
        return file
      }
      if descriptor >= 0 { Glibc.close(descriptor) }
    }
    // Not made from the overlay's name, which may be as long as a name can be.
    let random = String(UInt64.random(in: .min ... .max), radix: 36)
    let name = directory.appending(".virt-bmap-\(random).tmp")
    let descriptor = name.withPlatformString { Glibc.open($0, O_RDWR | O_CLOEXEC | O_CREAT | O_EXCL, 0o600) }
    guard descriptor >= 0 else { throw failure(path, "cannot make the overlay") }
    var file = StoredFile(path: path, descriptor: FileDescriptor(rawValue: descriptor))
    file.place = .temporary(name)
    return file
  }

  /// Gives a new file, all of which is in the storage, its name, which nobody else has taken meanwhile.
  mutating func publish() throws(DiskError) {
    let status: CInt
    switch place {
    case .named: return
    case .unnamed:
      status = path.withPlatformString {
        linkat(AT_FDCWD, "/proc/self/fd/\(descriptor.rawValue)", AT_FDCWD, $0, AT_SYMLINK_FOLLOW)
      }
    case .temporary(let name): status = move(name)
    }
    guard status == 0 else {
      if errno == EEXIST { throw DiskError(path, "another server has begun this overlay meanwhile", errno: EBUSY) }
      throw failure("cannot give the overlay its name")
    }
    place = .named
    synchronizeDirectory()
  }

  private func move(_ name: FilePath) -> CInt {
    name.withPlatformString { name in
      path.withPlatformString { path in
        if link(name, path) == 0 {
          unlink(name)
          return 0
        }
        // A filesystem without hard links.
        guard [EPERM, EOPNOTSUPP, ENOSYS].contains(errno) else { return -1 }
        guard access(path, F_OK) != 0 else {
          errno = EEXIST
          return -1
        }
        return rename(name, path)
      }
    }
  }

  func close() {
    // Not by closing it: a process that was begun meanwhile may have the open file, too, for a moment.
    _ = flock(descriptor.rawValue, LOCK_UN)
    _ = lockBytes(CShort(F_UNLCK))
    try? descriptor.close()
  }

  /// Takes a new file away again, which could not be begun.
  func remove() {
    guard case .temporary(let name) = place else { return }
    _ = name.withPlatformString { unlink($0) }
  }

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
  private func synchronizeDirectory() {
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
