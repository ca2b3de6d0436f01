import FATVolumes
import WalkRecord

/// FAT12, FAT16 and FAT32: the kernel follows cluster chains while it reads files and directories. The tables are
/// read into the cache first, so that everything read for a file is its own. Where the directories are is read from
/// the directories above: the kernel may have read a part of one with the end of the tables or with another
/// directory, if a page holds several clusters.
final class FAT: WalkedFilesystem {
  static let magics: Set<UInt64> = [0x4d44]
  /// The kernel reads no larger directory, in bytes.
  private static let maximumDirectory: UInt64 = 2 << 20
  /// A second of work under emulation.
  private static let maximumSteps: UInt64 = 1 << 24
  /// More pieces than this of a file are left out: each takes about 60 bytes of memory.
  private static let maximumPieces = 1 << 16

  let mount: Mount
  private let device: CachedDevice
  /// Nil if the boot sector cannot be right.
  private let volume: FATVolume?
  private var table: AllocationTable?
  private var reader: ClusterReader?
  private var rootDirectory: [Range<UInt64>] = []
  /// The first clusters of the directories that have been found but not listed, by the objects that they are in and
  /// their names.
  private var directories: [Record.ObjectID: [[UInt8]: UInt32]] = [:]
  /// How many more clusters behind the ends of files are looked at. On a damaged volume, files may share a chain.
  private var stepsLeft: UInt64 = 0

  init(_ mount: Mount, method: WalkMethod) throws(WalkError) {
    self.mount = mount
    device = try CachedDevice(mount)
    volume = FATVolume(device.bytes(0..<UInt64(FATVolume.bootSectorBytes)))
    guard let volume else { return }
    device.readIntoCache(0..<volume.endOfTables)
    let clusters = volume.clusters
    table = AllocationTable(clusters)
    // Some files are asked about once more, when they are read as a proof.
    stepsLeft = min(2 * clusters.count, Self.maximumSteps)
    reader = ClusterReader(device: mount.device, clusters)
    if let first = volume.rootCluster {
      rootDirectory = ranges(from: UInt32(truncatingIfNeeded: first))
    } else {
      rootDirectory = [volume.endOfTables..<clusters.start].filter { !$0.isEmpty }
    }
  }

  /// Where a directory is that is not the root directory of FAT12 and FAT16, in bytes of the device and in its order.
  private func ranges(from firstCluster: UInt32) -> [Range<UInt64>] {
    let allocation = ClusterAllocation(
      firstCluster: firstCluster, isContiguous: false, length: Self.maximumDirectory)
    return reader?.ranges(of: allocation) ?? []
  }

  /// What is behind the tables is not read with them: it would count as read for the object that is being examined.
  private func tableBytes(_ range: Range<UInt64>) -> [UInt8] {
    device.bytes(range.clamped(to: 0..<(volume?.endOfTables ?? 0)))
  }

  // Looking a directory up reads all of it.
  let announcement = DirectoryAnnouncement.beforeLookup
  let extentSource = ExtentSource.fibmap

  func directory(named name: [UInt8], in parent: Record.ObjectID) -> [Range<UInt64>] {
    parent == 0 ? rootDirectory : directories[parent]?[name].map(ranges) ?? []
  }

  /// Reads the directory's entries once more: the kernel does not say where a directory is. It lists names in the
  /// order of the entries, so the names need not be decoded. If both do not agree, the reads of the directories below
  /// show where they are.
  func reportBlocks(of directory: OpenDirectory, in walk: inout Walk) throws(WalkError) {
    let first = directories[directory.parent]?.removeValue(forKey: directory.name)
    if directories[directory.parent]?.isEmpty ?? false { directories[directory.parent] = nil }
    let own = directory.parent == 0 ? rootDirectory : first.map(ranges) ?? []
    guard directory.entries.contains(where: { $0.kind == .directory }), let volume, let reader else { return }
    let entries = FATEntry.all(in: reader.bytes(in: own), isFAT32: volume.rootCluster != nil)
    guard entries.map(\.isDirectory) == directory.entries.map({ $0.kind == .directory }) else { return }
    for (entry, listed) in zip(entries, directory.entries) where entry.isDirectory {
      // If two have the same name, the kernel finds the first.
      let isFirst = directories[directory.object]?[listed.name] == nil
      if isFirst { directories[directory.object, default: [:]][listed.name] = entry.firstCluster }
    }
  }

  func extents(of layout: FileLayout, number: UInt64) -> [FileLayout.Piece]? {
    guard let pieces = layout.blockList(mayHaveHoles: false, endsWithCluster: false) else { return nil }
    return pieces + piecesBeyondEnd(pieces)
  }

  /// The clusters behind the one with the end of a file. The kernel does not report them, so the chain is followed.
  /// - Parameter pieces: all others of the file, up to the end of a cluster.
  private func piecesBeyondEnd(_ pieces: [FileLayout.Piece]) -> [FileLayout.Piece] {
    guard let clusters = volume?.clusters, let last = pieces.last, last.length > 0,
      let end = last.physical.map({ $0 &+ last.length }), var number = clusters.number(at: end &- 1)
    else { return [] }
    var result: [FileLayout.Piece] = []
    var offset = last.offset &+ last.length
    while stepsLeft > 0, result.count < Self.maximumPieces, let next = table?.next(after: number, tableBytes) {
      stepsLeft -= 1
      result.join(
        FileLayout.Piece(
          offset: offset, length: clusters.size, layout: .exact, physical: clusters.range(of: next).lowerBound,
          isUnwritten: true))
      offset &+= clusters.size
      number = next
    }
    return result
  }
}
