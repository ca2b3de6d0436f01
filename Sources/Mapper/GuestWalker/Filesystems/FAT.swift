import FATVolumes
import WalkRecord

/// FAT12, FAT16 and FAT32: the kernel follows cluster chains while it reads files and directories. The tables are
/// read into the cache first, so that everything read for an object is its own.
final class FAT: WalkedFilesystem {
  static let magics: Set<UInt64> = [0x4d44]
  /// The kernel reads no larger directory, in bytes.
  private static let maximumDirectory: UInt64 = 2 << 20

  let mount: Mount
  private let device: CachedDevice
  /// Nil if the boot sector cannot be right.
  private let volume: FATVolume?
  /// It is usually right after the tables, so reading the tables may also read its start.
  private var rootDirectory: [Range<UInt64>] = []

  init(_ mount: Mount, method: WalkMethod) throws(WalkError) {
    self.mount = mount
    device = try CachedDevice(mount)
    volume = FATVolume(device.bytes(0..<UInt64(FATVolume.bootSectorBytes)))
    guard let volume else { return }
    device.readIntoCache(0..<volume.endOfTables)
    let clusters = volume.clusters
    var table = AllocationTable(clusters)
    guard let first = volume.rootCluster else {
      rootDirectory = [volume.endOfTables..<clusters.start].filter { !$0.isEmpty }
      return
    }
    let chain = table.chain(from: first, limit: max(1, Self.maximumDirectory / clusters.size), tableBytes)
    for number in chain {
      let range = clusters.range(of: number)
      if let last = rootDirectory.last, last.upperBound == range.lowerBound {
        rootDirectory[rootDirectory.count - 1] = last.lowerBound..<range.upperBound
      } else {
        rootDirectory.append(range)
      }
    }
  }

  /// What is behind the tables is not read with them: it would count as read for the object that is being examined.
  private func tableBytes(_ range: Range<UInt64>) -> [UInt8] {
    device.bytes(range.clamped(to: 0..<(volume?.endOfTables ?? 0)))
  }

  // Looking a directory up reads all of it.
  let announcement = DirectoryAnnouncement.beforeLookup
  let extentSource = ExtentSource.fibmap

  func directory(named name: [UInt8], in parent: Record.ObjectID) -> [Range<UInt64>] {
    parent == 0 ? rootDirectory : []
  }

  func extents(of layout: FileLayout, number: UInt64) -> [FileLayout.Piece]? {
    layout.blockList(mayHaveHoles: false, endsWithCluster: false)
  }
}
