import DiskImage
import Glibc
import SystemPackage

/// The base disk of a snapshot, as the descriptor identifies it.
struct SnapshotParent {
  let cid: UInt32
  let link: DiskLink
  /// Identifies the disk independently of its content ID, which not every program updates.
  let identity: [UInt8]
  /// The latest modification time of the files of the disk, in nanoseconds since 1970.
  let changed: UInt64
  private let files: [FilePath]

  /// - Parameters:
  ///   - disk: the base disk.
  ///   - chain: from `OpenedDisk`.
  ///   - files: from `OpenedDisk`.
  ///   - overlay: the path of the overlay, for messages.
  init(_ disk: any VirtualDisk, chain: [DiskLink], files: [FilePath], overlay: FilePath) throws(DiskError) {
    guard let link = chain.first else {
      throw DiskError(
        overlay,
        "a VMDK snapshot has to be over a VMDK, which the disk is not: give the disk a VMDK descriptor (monolithicFlat), "
          + "or the overlay a name that does not end in .vmdk", errno: EINVAL)
    }
    guard let cid = link.cid, cid != UInt32.max else {
      throw DiskError(
        overlay,
        "the disk \(printable(link.path.bytes)) has no CID by which a VMDK snapshot could name it: give the "
          + "overlay a name that does not end in .vmdk", errno: EINVAL)
    }
    guard disk.size <= SparseImage.maximumBytes else {
      throw DiskError(overlay, "the disk is too large for a VMDK snapshot: 2 TiB at most", errno: EFBIG)
    }
    self.link = link
    self.cid = cid
    self.files = files
    do { identity = try BaseIdentity.digest(of: disk) } catch {
      throw DiskError(overlay, "\(error)", errno: EIO)
    }
    changed = BaseIdentity.lastChange(of: files)
  }

  /// Whether an open file is one of the files of the disk.
  func has(_ status: stat) -> Bool {
    let identity = FileIdentity(status)
    return files.contains { FileIdentity(of: $0) == identity }
  }

  /// The name of the disk in the snapshot. This is only the file name if both are in the same directory, so that they
  /// can be moved together, otherwise the absolute path. Symbolic links are resolved, so that the other files of the
  /// disk are found beside it.
  func hint(from overlay: FilePath) throws(DiskError) -> [UInt8] {
    let parent = try link.path.resolved()
    let directory = overlay.removingLastComponent()
    guard try (directory.isEmpty ? "." : directory).resolved() == parent.removingLastComponent() else {
      return parent.bytes
    }
    return FilePath(root: nil, parent.components.suffix(1)).bytes
  }
}

extension FilePath {
  /// Without the terminating NUL.
  var bytes: [UInt8] {
    withPlatformString { UnsafeBufferPointer(start: $0, count: strlen($0)).map(UInt8.init(bitPattern:)) }
  }

  /// The absolute path, without symbolic links.
  func resolved() throws(DiskError) -> FilePath {
    guard let path = withPlatformString({ realpath($0, nil) }) else {
      throw StoredFile.failure(self, "cannot be found")
    }
    defer { free(path) }
    return FilePath(platformString: path)
  }
}
