import FATVolumes
import WalkRecord

/// FAT12, FAT16 and FAT32: the kernel follows cluster chains while it reads files and directories. The tables are
/// read into the cache first, so that everything read for an object is its own.
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
  /// It is usually right after the tables, so reading the tables may also read its start.
  private var rootDirectory: [Range<UInt64>] = []
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
    guard let first = volume.rootCluster else {
      rootDirectory = [volume.endOfTables..<clusters.start].filter { !$0.isEmpty }
      return
    }
    let chain = table?.chain(from: first, limit: max(1, Self.maximumDirectory / clusters.size), tableBytes) ?? []
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
