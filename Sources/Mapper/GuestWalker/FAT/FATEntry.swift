import Bytes

/// A file or directory, as its entry in a directory of FAT describes it.
///
/// Layout: "FAT: General Overview of On-Disk Format", "FAT Directory Structure".
struct FATEntry: Equatable {
  var isDirectory: Bool
  /// 0 if the file or directory has no clusters.
  var firstCluster: UInt32

  private static let bytes = 32
  private static let deleted: UInt8 = 0xe5
  private static let directoryAttribute: UInt8 = 0x10
  /// Of the name of the volume, and of parts of long names.
  private static let volumeAttribute: UInt8 = 0x08
  private static let itself = Array(".          ".utf8)
  private static let parent = Array("..         ".utf8)

  /// All files and directories in the bytes of a directory but `.` and `..`, in the order in which Linux lists them.
  /// - Parameter isFAT32: whether the numbers of clusters have more than 16 bits.
  static func all(in directory: [UInt8], isFAT32: Bool) -> [FATEntry] {
    stride(from: 0, through: directory.count - bytes, by: bytes).compactMap { start in
      let attributes = directory[start + 11]
      // Linux also lists what follows an entry that was never used.
      guard directory[start] != 0, directory[start] != deleted, attributes & volumeAttribute == 0,
        !directory.has(itself, at: start), !directory.has(parent, at: start)
      else { return nil }
      let low = directory.little(at: start + 26, width: 2)
      let high = isFAT32 ? directory.little(at: start + 20, width: 2) : 0
      return FATEntry(
        isDirectory: attributes & directoryAttribute != 0, firstCluster: UInt32(truncatingIfNeeded: high << 16 | low))
    }
  }
}
