import Bytes

/// The metadata of a device-mapper thin pool: which blocks of the pool each of its volumes uses.
///
/// For the format, see the kernel's documentation of thin provisioning and persistent data: blocks of 4096 bytes with
/// checksums, the first of which is the superblock, and a B-tree of B-trees. The first key is the number of a volume,
/// the second a block of it, and the value is a block of the pool and a time.
package struct ThinMetadata {
  /// Blocks of a volume that are next to each other in the pool, too.
  package struct Run: Equatable {
    /// In blocks of the volume.
    package var start: UInt64
    /// In blocks of the pool.
    package var data: UInt64
    package var count: UInt64
  }

  /// Why the metadata cannot be used, as a clause for a message.
  package enum Failure: Error, Equatable, CustomStringConvertible {
    case noSuperblock
    case damaged(block: UInt64)
    case tooLarge

    package var description: String {
      switch self {
      case .noSuperblock: "it has no valid superblock"
      case .damaged(let block): "it is damaged in block \(block)"
      case .tooLarge: "it has too many pieces"
      }
    }
  }

  /// In bytes.
  package static let blockBytes = 4096
  /// The most runs of all volumes together.
  package static let maximumRuns = 1 << 21

  /// The size of the pool's blocks, in bytes.
  package let dataBlock: UInt64
  /// The runs of each volume, by its number.
  package private(set) var volumes: [UInt64: [Run]] = [:]
  /// The first block that is damaged, for the volumes that cannot be used.
  package private(set) var damaged: [UInt64: Failure] = [:]

  /// Reads all of the metadata. Throws a `Failure`, or what `read` throws.
  /// - Parameter read: returns the block with this number.
  package init(read: @escaping (UInt64) throws -> [UInt8]) throws {
    let superblock = try read(0)
    guard Self.hasChecksum(superblock, Self.superblockSeed), superblock.little(at: 8, width: 8) == 0,
      superblock.little(at: 32, width: 8) == Self.magic,
      let dataBlock = superblock.little(at: 336, width: 4).times(DeviceTableParser.sectorBytes), dataBlock > 0
    else { throw Failure.noSuperblock }
    self.dataBlock = dataBlock
    var roots: [(UInt64, UInt64)] = []
    try MetadataTree(read: read).forEach(root: superblock.little(at: 320, width: 8)) { volume, root in
      guard roots.count < Self.maximumVolumes else { throw Failure.tooLarge }
      roots.append((volume, root))
    }
    var count = 0
    for (volume, root) in roots {
      do {
        volumes[volume] = try Self.runs(root, read, &count)
      } catch let failure as Failure {
        damaged[volume] = failure
      }
    }
  }

  /// More than a pool has numbers for.
  private static let maximumVolumes = 1 << 16
  private static let magic: UInt64 = 27_022_010
  private static let superblockSeed: UInt32 = 160_774

  private static func runs(
    _ root: UInt64, _ read: @escaping (UInt64) throws -> [UInt8], _ count: inout Int
  ) throws -> [Run] {
    var runs: [Run] = []
    try MetadataTree(read: read).forEach(root: root) { block, value in
      let data = value >> 24
      if let last = runs.last, block == last.start &+ last.count, data == last.data &+ last.count {
        runs[runs.count - 1].count += 1
        return
      }
      guard count < maximumRuns else { throw Failure.tooLarge }
      count += 1
      runs.append(Run(start: block, data: data, count: 1))
    }
    return runs
  }

  /// Whether the checksum at the start of a block is right.
  static func hasChecksum(_ block: [UInt8], _ seed: UInt32) -> Bool {
    guard block.count == blockBytes else { return false }
    return UInt64(~CRC32.castagnoli.checksum(block.dropFirst(4)) ^ seed) == block.little(at: 0, width: 4)
  }

  /// The runs of pool blocks that a volume uses, as they lie in the volume.
  /// - Parameters:
  ///   - data: the pool's data device.
  ///   - size: the size of the volume, in bytes.
  /// - Returns: nil if numbers are too large, or do not fit into the volume.
  package func segments(of volume: UInt64, data: Substring, size: UInt64) -> [DeviceTable.Segment]? {
    var segments: [DeviceTable.Segment] = []
    for run in volumes[volume, default: []] {
      guard let start = run.start.times(dataBlock), let offset = run.data.times(dataBlock),
        let length = run.count.times(dataBlock), let end = start.plus(length), offset.plus(length) != nil
      else { return nil }
      // The last block may go beyond the end. After the volume was made smaller, so do others.
      guard start < size else { break }
      segments.append(
        DeviceTable.Segment(
          range: start..<min(end, size), target: .linear(Target.Leg(device: data, offset: offset))))
    }
    return segments
  }

  /// The parts of the pool that volumes use, in bytes, in no order.
  package var used: [Range<UInt64>] {
    volumes.values.flatMap { $0 }.compactMap { run in
      guard let start = run.data.times(dataBlock), let length = run.count.times(dataBlock),
        let end = start.plus(length)
      else { return nil }
      return start..<end
    }
  }
}

/// A B-tree as device-mapper's persistent data library stores it, with values of eight bytes.
struct MetadataTree {
  let read: (UInt64) throws -> [UInt8]

  private static let seed: UInt32 = 121_107
  /// Nodes have at least 64 children or so.
  private static let maximumDepth = 16
  private static let headerBytes = 32

  /// Calls `body` with each key and its value, in the order of the keys.
  ///
  /// Each key must be larger than the one before. So a tree in which a node is below two others is damaged, and no
  /// node is read more than once.
  /// - Parameter root: a block number.
  func forEach(root: UInt64, _ body: (UInt64, UInt64) throws -> Void) throws {
    var last: UInt64?
    try forEach(node: root, depth: 0, last: &last, body)
  }

  private func forEach(
    node number: UInt64, depth: Int, last: inout UInt64?, _ body: (UInt64, UInt64) throws -> Void
  ) throws {
    let failure = ThinMetadata.Failure.damaged(block: number)
    let node = try read(number)
    let flags = node.little(at: 4, width: 4)
    let count = Int(node.little(at: 16, width: 4))
    let maximum = Int(node.little(at: 20, width: 4))
    guard depth < Self.maximumDepth, ThinMetadata.hasChecksum(node, Self.seed), node.little(at: 8, width: 8) == number,
      flags == 1 || flags == 2, node.little(at: 24, width: 4) == 8, count <= maximum,
      maximum <= (ThinMetadata.blockBytes - Self.headerBytes) / 16, count > 0 || depth == 0 && flags == 2
    else { throw failure }
    for index in 0..<count {
      let key = node.little(at: Self.headerBytes + 8 * index, width: 8)
      let value = node.little(at: Self.headerBytes + 8 * (maximum + index), width: 8)
      guard flags == 2 else {
        try forEach(node: value, depth: depth + 1, last: &last, body)
        continue
      }
      if let last, key <= last { throw failure }
      last = key
      try body(key, value)
    }
  }
}
