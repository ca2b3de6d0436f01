import DiskImage
import Glibc
import SystemPackage

/// The file that stores the clusters of an overlay.
struct OverlayFile: Sendable {
  let file: StoredFile
  let header: OverlayHeader

  /// Creates a file without a name in `directory`. It is deleted when it is closed.
  static func temporary(_ header: OverlayHeader, in directory: FilePath) throws(DiskError) -> OverlayFile {
    var name = directory.appending("virt-bmap-overlay-XXXXXX").withPlatformString {
      Array(UnsafeBufferPointer(start: $0, count: strlen($0) + 1))
    }
    let descriptor = mkstemp(&name)
    guard descriptor >= 0 else { throw StoredFile.failure(directory, "cannot make a temporary file") }
    unlink(name)
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    let stored = StoredFile(path: directory, descriptor: FileDescriptor(rawValue: descriptor))
    let file = OverlayFile(file: stored, header: header)
    do throws(DiskError) {
      try file.prepare()
    } catch {
      stored.close()
      throw error
    }
    return file
  }

  /// Opens the overlay at `path`, which must be an overlay of this disk, or creates it if it does not exist.
  static func persistent(
    _ path: FilePath, _ header: OverlayHeader, allowingUnnamed: Bool = true
  ) throws(DiskError) -> (file: OverlayFile, isNew: Bool) {
    let (opened, isNew) = try StoredFile.open(path, allowingUnnamed: allowingUnnamed)
    var stored = opened
    do throws(DiskError) {
      let file = OverlayFile(file: stored, header: header)
      guard isNew else { return (OverlayFile(file: stored, header: try file.check(header)), false) }
      try file.prepare()
      try stored.synchronize()
      try stored.publish()
      return (OverlayFile(file: stored, header: header), true)
    } catch {
      stored.close()
      if isNew { stored.remove() }
      throw error
    }
  }

  private func prepare() throws(DiskError) {
    try file.truncate(to: header.fileSize)
    try header.bytes.withBytes { (bytes) throws(DiskError) in try file.write(bytes, at: 0) }
  }

  /// Checks that the file, if it exists, is an overlay of some disk. Does not lock it.
  static func checkKind(of path: FilePath) throws(DiskError) {
    let descriptor = path.withPlatformString { Glibc.open($0, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
    guard descriptor >= 0 else {
      if errno == ENOENT { return }
      throw StoredFile.failure(path, "cannot open the overlay")
    }
    let file = StoredFile(path: path, descriptor: FileDescriptor(rawValue: descriptor))
    defer { Glibc.close(descriptor) }
    _ = try readHeader(of: file)
  }

  private static func readHeader(of file: StoredFile) throws(DiskError) -> OverlayHeader {
    let path = file.path
    let status = try file.status()
    var bytes = [UInt8](repeating: 0, count: OverlayHeader.size)
    guard status.st_mode & S_IFMT == S_IFREG, status.st_size >= OverlayHeader.size else {
      throw DiskError(path, "this is not an overlay of virt-bmap's", errno: EINVAL)
    }
    try bytes.withMutableBytes { (bytes) throws(DiskError) in try file.read(into: bytes, at: 0) }
    guard let found = OverlayHeader(bytes) else {
      throw DiskError(path, "this is not an overlay of virt-bmap's", errno: EINVAL)
    }
    guard UInt64(clamping: status.st_size) == found.fileSize else {
      throw DiskError(
        path, "the overlay has \(status.st_size) bytes instead of \(found.fileSize): it was truncated", errno: EINVAL)
    }
    return found
  }

  /// Reads the header, and checks that the file is an overlay of the same disk as `wanted`.
  private func check(_ wanted: OverlayHeader) throws(DiskError) -> OverlayHeader {
    let path = file.path
    let found = try Self.readHeader(of: file)
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
      try file.read(into: bytes, at: UInt64(OverlayHeader.size))
    }
    return words.map { UInt64(littleEndian: $0) }
  }
}
