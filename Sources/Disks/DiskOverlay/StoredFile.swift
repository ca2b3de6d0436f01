import CLinux
import DiskImage
import Glibc
import SystemPackage

/// The open file of an overlay. Any number of threads may read and write it.
struct StoredFile: Sendable {
  /// For messages.
  let path: FilePath
  let descriptor: FileDescriptor

  /// How a new file exists until it is published.
  private enum State {
    /// It has its final name.
    case named
    /// It has no name (`O_TMPFILE`), so a crash leaves nothing behind.
    case unnamed
    /// It has this temporary name, because the filesystem does not support `O_TMPFILE`.
    case temporary(FilePath)
  }
  private var state = State.named

  init(path: FilePath, descriptor: FileDescriptor) {
    self.path = path
    self.descriptor = descriptor
  }

  /// Opens the file at `path`, or creates it if it does not exist, and locks it against other servers.
  ///
  /// A new file gets its name from `publish`, once it is complete: a partial file left by a crash must not be mistaken
  /// for an overlay.
  /// - Parameter allowingUnnamed: false to behave as on a filesystem without `O_TMPFILE`.
  /// - Throws: `DiskError`; `EBUSY` if another server has the file open.
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
      // glibc defines `O_TMPFILE` as a macro that Swift does not import.
      let flags = 0o20_000_000 | O_DIRECTORY | O_RDWR | O_CLOEXEC
      let descriptor = directory.withPlatformString { Glibc.open($0, flags, 0o600) }
      // The file is later linked to its name through /proc, which may be missing in a chroot.
      if descriptor >= 0, access("/proc/self/fd/\(descriptor)", F_OK) == 0 {
        var file = StoredFile(path: path, descriptor: FileDescriptor(rawValue: descriptor))
        file.state = .unnamed
        return file
      }
      if descriptor >= 0 { Glibc.close(descriptor) }
    }
    // Not derived from the name of the overlay, which may already be as long as a name can be.
    let random = String(UInt64.random(in: .min ... .max), radix: 36)
    let name = directory.appending(".virt-bmap-\(random).tmp")
    let descriptor = name.withPlatformString { Glibc.open($0, O_RDWR | O_CLOEXEC | O_CREAT | O_EXCL, 0o600) }
    guard descriptor >= 0 else { throw failure(path, "cannot make the overlay") }
    var file = StoredFile(path: path, descriptor: FileDescriptor(rawValue: descriptor))
    file.state = .temporary(name)
    return file
  }

  /// Gives a new file its name, unless another file has taken the name in the meantime. The contents must already be in
  /// stable storage.
  mutating func publish() throws(DiskError) {
    let status: CInt
    switch state {
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
    state = .named
    synchronizeDirectory()
  }

  private func move(_ name: FilePath) -> CInt {
    name.withPlatformString { name in
      path.withPlatformString { path in
        if link(name, path) == 0 {
          unlink(name)
          return 0
        }
        // The filesystem does not support hard links.
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
    // Unlock explicitly. Closing the file may not do it, because a process that was just started may briefly share the
    // open file.
    _ = flock(descriptor.rawValue, LOCK_UN)
    _ = lockBytes(CShort(F_UNLCK))
    try? descriptor.close()
  }

  /// Deletes a new file that could not be completed.
  func remove() {
    guard case .temporary(let name) = state else { return }
    _ = name.withPlatformString { unlink($0) }
  }

  /// Only one server may use the overlay at a time.
  private func lock() throws(DiskError) {
    guard flock(descriptor.rawValue, LOCK_EX | LOCK_NB) != 0 else { return }
    guard errno == EWOULDBLOCK else { throw failure("cannot lock the overlay") }
    throw DiskError(path, "the overlay is in use by another server", errno: EBUSY)
  }

  /// Keeps qemu programs from opening the file, and throws `EBUSY` if one of them has it open.
  ///
  /// qemu locks bytes from 100 on and from 200 on with open file description locks, see "Disk image file locking" in
  /// qemu-block-drivers(7). If the filesystem does not support these locks, qemu cannot use them either.
  func lockAgainstQemu() throws(DiskError) {
    guard lockBytes(CShort(F_WRLCK)) != 0, errno == EAGAIN || errno == EACCES else { return }
    throw DiskError(path, "the overlay is in use by another program", errno: EBUSY)
  }

  /// Sets or removes an open file description lock on the bytes that qemu locks.
  private func lockBytes(_ type: CShort) -> CInt {
    // Linux `F_OFD_SETLK`, see fcntl(2). The Glibc module does not export it.
    let lockOpenFile: CInt = 37
    var lock = Glibc.flock()
    lock.l_type = type
    lock.l_whence = CShort(SEEK_SET)
    lock.l_start = 100
    lock.l_len = 200
    return fcntl(descriptor.rawValue, lockOpenFile, &lock)
  }

  /// Makes the name of the file survive a crash, if the filesystem supports this.
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

  /// Sets the length of the file in bytes. If the file grows, the new part is a hole.
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

  /// Makes a range read as zeros. If the filesystem supports it, this punches a hole.
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

  /// Calls `body` with the data and holes in a range of the file, in order, until it returns false.
  /// - Parameter length: the minimum length of the file in bytes. If the file is shorter, it was truncated, and what is
  ///   missing is not a hole.
  /// - Returns: what the last call of `body` returned.
  func forEachPart(
    of range: Range<UInt64>, length: UInt64, _ body: (Range<UInt64>, _ isHole: Bool) throws(DiskError) -> Bool
  ) throws(DiskError) -> Bool {
    var position = range.lowerBound
    while position < range.upperBound {
      let data = try next(clinux_seek_data, from: position, length, else: position) ?? range.upperBound
      let isHole = data > position
      // If the file changes at the same time, lseek may report a hole at `position` itself. Never loop without
      // advancing.
      let found = isHole ? data : try next(clinux_seek_hole, from: position, length, else: nil) ?? range.upperBound
      let end = found > position ? min(found, range.upperBound) : range.upperBound
      guard try body(position..<end, isHole) else { return false }
      position = end
    }
    return true
  }

  /// The offset of the next data or hole at or after an offset in the file; `nil` if there is none.
  /// - Parameter all: the result if the filesystem cannot report holes, so that the whole file counts as data.
  private func next(
    _ seek: (CInt, UInt64) -> Int64, from offset: UInt64, _ length: UInt64, else all: UInt64?
  ) throws(DiskError) -> UInt64? {
    let found = seek(descriptor.rawValue, offset)
    if found >= 0 { return UInt64(found) }
    switch errno {
    case ENXIO:
      // Only a hole follows, up to the end of the file. Check that the file has not been truncated: missing data must
      // not be read as zeros.
      var status = stat()
      guard fstat(descriptor.rawValue, &status) == 0, UInt64(clamping: status.st_size) >= length else {
        throw DiskError(path, "the overlay was truncated", errno: EIO)
      }
      return nil
    case EINVAL, EOPNOTSUPP: return all
    default: throw failure("cannot tell data from holes of the overlay")
    }
  }

  /// Flushes what was written to stable storage.
  func synchronize() throws(DiskError) {
    guard fdatasync(descriptor.rawValue) == 0 else { throw failure("cannot write the overlay") }
  }

  func failure(_ tried: String) -> DiskError { Self.failure(path, tried) }

  static func failure(_ path: FilePath, _ tried: String) -> DiskError {
    let number = errno
    return DiskError(path, "\(tried): \(Errno(rawValue: number))", errno: number)
  }
}
