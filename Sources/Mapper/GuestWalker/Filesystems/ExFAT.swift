import FATVolumes
import WalkRecord

/// exFAT, which is read like FAT.
final class ExFAT: WalkedFilesystem {
  static let magics: Set<UInt64> = [0x2011_bab0]
  let mount: Mount
  /// Nil if the boot sector cannot be right.
  private let volume: ExFATVolume?
  private var clusters: ClusterReader?
  /// Where the directories are that have been found but not listed, by the objects that they are in and their names.
  private var directories: [Record.ObjectID: [[UInt8]: ClusterAllocation]] = [:]
  /// The files in the directory that was listed last of which a part has not been written.
  private var unwritten: [[UInt8]: ExFATEntry] = [:]

  init(_ mount: Mount, method: WalkMethod) throws(WalkError) {
    self.mount = mount
    let device = try CachedDevice(mount)
    volume = ExFATVolume(device.bytes(0..<UInt64(ExFATVolume.bootSectorBytes)))
    guard let volume else { return }
    device.readIntoCache(volume.tableStart..<volume.tableStart + volume.tables * volume.table)
    clusters = ClusterReader(device: mount.device, volume.clusters)
  }

  let announcement = DirectoryAnnouncement.beforeLookup
  let extentSource = ExtentSource.fibmap

  func extents(of layout: FileLayout, number: UInt64) -> [FileLayout.Piece]? {
    // The kernel maps a file up to the end of its last cluster.
    layout.blockList(mayHaveHoles: false, endsWithCluster: true)
  }

  /// The kernel may read less of a directory than all of its clusters, or read ahead of them.
  func directory(named name: [UInt8], in parent: Record.ObjectID) -> [Range<UInt64>] {
    guard let allocation = parent == 0 ? root : directories[parent]?[name] else { return [] }
    return clusters?.ranges(of: allocation) ?? []
  }

  private var root: ClusterAllocation? {
    volume.map {
      ClusterAllocation(
        firstCluster: UInt32(truncatingIfNeeded: $0.root), isContiguous: false, length: ClusterReader.maximumDirectory)
    }
  }

  /// Reads the directory's entries once more: the kernel does not say how much is allocated to a file.
  func reportBlocks(of directory: OpenDirectory, in walk: inout Walk) throws(WalkError) {
    unwritten = [:]
    let own = directory.parent == 0 ? root : directories[directory.parent]?.removeValue(forKey: directory.name)
    if directories[directory.parent]?.isEmpty ?? false { directories[directory.parent] = nil }
    guard let own, var clusters else { return }
    for entry in ExFATEntry.all(in: clusters.bytes(in: clusters.ranges(of: own))) {
      if entry.isDirectory {
        directories[directory.object, default: [:]][entry.name] = entry.allocation
      } else if entry.allocation.length > entry.validLength {
        unwritten[entry.name] = entry
      }
    }
  }

  func unwrittenExtents(ofFile name: [UInt8], size: UInt64) -> [FileLayout.Piece] {
    guard let entry = unwritten[name], let clusterSize = clusters?.clusterSize,
      let sectorSize = volume?.sector, entry.validLength <= UInt64(Int64.max)
    else { return [] }
    // Before Linux 6.8, the size of a file was its valid length. All of its last cluster is then mapped as data.
    let unit = size == entry.validLength ? clusterSize : sectorSize
    let start = (entry.validLength + unit - 1) / unit * unit
    guard start < entry.allocation.length else { return [] }
    return clusters?.pieces(of: entry.allocation, in: start..<entry.allocation.length) ?? []
  }
}
