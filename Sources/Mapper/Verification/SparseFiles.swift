import FileProof

/// What is read of large files, which may be holes for the most part: data, and not holes.
enum SparseFiles {
  /// Filesystems that tell where a file's data are, by blkid(8)'s names. Others, asked by filefrag(8), answer block by block.
  private static let telling: Set<String> = ["ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "nilfs2"]

  /// A smaller file is read as it is, in bytes.
  static let least: UInt64 = 16 << 20
  /// Of a file with larger holes, on a filesystem that does not tell where they are, reading has no end worth waiting for.
  private static let mostHoles: UInt64 = 4 << 30
  /// A file whose parts are on the disks more than once may have more data than these.
  static let leastLimit: UInt64 = 64 << 30
  /// About so many files is asked in one go, each of which may be in many extents.
  static let atOnce = 20
  /// So much is read in one go, or one file. In not many more parts than that may have, each of which is read by a program.
  private static let mostBytesAtOnce: UInt64 = 256 << 20

  static func areTold(by type: String) -> Bool { telling.contains(type) }

  /// Whether there is no end to reading a file.
  /// - Parameter mostBytes: that it can hold.
  static func isBeyondReach(_ file: FilesystemWork.File, _ layout: DataLayout?, mostBytes: UInt64) -> Bool {
    if let layout { return layout.bytes > mostBytes }
    return file.size - min(file.size, file.allocated, mostBytes) > mostHoles
  }

  /// Puts together what is read in one go.
  /// - Parameter bytes: a file's size.
  static func groups(
    _ files: [(file: Int, layout: DataLayout?)], bytes: (Int) -> UInt64
  ) -> [[(file: Int, layout: DataLayout?)]] {
    var result: [[(file: Int, layout: DataLayout?)]] = []
    var (sum, parts): (UInt64, Int) = (0, 0)
    for file in files {
      let own = file.layout?.bytes ?? bytes(file.file)
      parts += file.layout?.parts.count ?? 1
      if result.isEmpty || sum &+ own > mostBytesAtOnce || parts > DataLayout.mostParts {
        result.append([])
        (sum, parts) = (0, 0)
      }
      result[result.count - 1].append(file)
      sum &+= own
    }
    return result
  }
}
