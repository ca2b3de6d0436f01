import BlockStack
import Bytes
import Filesystems
import WalkAssembly

/// The data that the files of a Btrfs filesystem use, collected while its subvolumes are walked.
struct BtrfsUsedData {
  /// In bytes of logical addresses; sorted, without overlaps.
  private(set) var ranges: [Range<UInt64>] = []
  /// How many subvolumes were not walked, or not in whole.
  private var missing = 0

  /// Counts a subvolume that is going to be walked.
  mutating func begin() { missing += 1 }

  /// Adds the data of that subvolume's files.
  mutating func finish(_ tree: BtrfsTree, _ walk: WalkAssembler) {
    // What could not be examined may use more.
    guard walk.failureCount == 0 else { return }
    missing -= 1
    let used = tree.references.filter { walk.inodes[$0.inode] != nil }.map(\.range)
    ranges = (ranges + used).merged
  }

  /// Leaves of the areas that hold data what no file uses; nothing if that is not known.
  static func unreferenced(_ areas: [DeviceArea], _ used: BtrfsUsedData?) -> [DeviceArea] {
    let others = areas.filter { $0.name != BtrfsMetadata.data }
    guard let used, used.missing == 0 else { return others }
    let data = areas.filter { $0.name == BtrfsMetadata.data }.map(\.range)
    return others + data.subtracting(used.ranges).map { BtrfsMetadata.data($0) }
  }
}
