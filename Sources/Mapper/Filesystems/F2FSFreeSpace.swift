import BlockStack
import Bytes

/// The free blocks of F2FS: those of the main area whose bits in the segment information table (SIT) are zero. The table
/// also says which segments hold nodes.
///
/// Each block of the table has two copies, and a bitmap in the checkpoint says which is valid. A checkpoint also has a
/// journal of entries that are newer than those in the table. (Kernel documentation, "WHAT IS Flash-Friendly File
/// System (F2FS)?"; struct f2fs_checkpoint, f2fs_sit_entry and f2fs_journal.)
struct F2FSFreeSpace<Device: DeviceBytes> {
  private let superblock: [UInt8]
  private let device: Device

  private let block: UInt64 = 4096
  private let blocksOfSegment: UInt64 = 512
  /// The size of an entry: the number of valid blocks, their bitmap, and a time.
  private let entryBytes = 74
  private let entriesOfBlock: UInt64 = 4096 / 74
  private let maximumInJournal = 6

  /// - Returns: nil for blocks of another size, and for filesystems on several devices.
  init?(superblock: [UInt8], device: Device) {
    (self.superblock, self.device) = (superblock, device)
    // The main area may extend to other devices.
    let end = min(superblock.little(at: 36, width: 8), device.size / block)
    guard field(16) == 12, field(20) == 9, field(92) + field(68) * blocksOfSegment <= end else { return nil }
  }

  private func field(_ offset: Int) -> UInt64 { superblock.little(at: offset, width: 4) }

  func areas() throws -> [DeviceArea] {
    let checkpoint = try validCheckpoint()
    let bitmap = try sitBitmap(checkpoint)
    let journal = try journal(checkpoint)
    // A segment of the table is followed by its copy.
    let (table, copy, segments) = (field(80), field(56) / 2 * blocksOfSegment, field(68))
    var blocks = Blocks(free: UnitRuns(start: field(92) * block, unit: block))
    var number: UInt64 = 0
    let count = (segments + entriesOfBlock - 1) / entriesOfBlock
    guard count <= copy else { throw SpaceError.incomplete }
    for first in stride(from: 0, to: count, by: 256) {
      let size = Int(min(256, count - first) * block)
      let copies = try [table, table + copy].map { try device.bytes(at: ($0 + first) * block, count: size) }
      for index in 0..<size / Int(block) {
        let isCopy = bit(Int(first) + index, of: bitmap)
        let entries = copies[isCopy ? 1 : 0]
        for entry in 0..<Int(min(entriesOfBlock, segments - number)) {
          let start = index * Int(block) + entry * entryBytes
          try add(journal[number] ?? entries[start..<start + entryBytes], of: number, to: &blocks)
          number += 1
        }
      }
    }
    return blocks.free.ranges.map { DeviceArea(kind: .unallocated, range: $0) }
      + blocks.nodes.ranges.map { DeviceArea(name: "nodes", range: $0, offset: $0.lowerBound) }
  }

  /// What is known of the blocks of the main area.
  private struct Blocks {
    var free: UnitRuns
    /// Inodes, and blocks with lists of other blocks and with extended attributes.
    var nodes: UnitRuns

    init(free: UnitRuns) { (self.free, nodes) = (free, free) }
  }

  /// Adds the free blocks of a segment and, if it is one of nodes, all others.
  private func add(_ entry: ArraySlice<UInt8>, of segment: UInt64, to blocks: inout Blocks) throws {
    let map = Array(entry.dropFirst(2).prefix(64))
    let number = Array(entry.prefix(2)).little(at: 0, width: 2)
    // Hot, warm and cold data have the types 0 to 2; hot, warm and cold nodes have 3 to 5.
    let (valid, holdsNodes) = (number & 0x3ff, (3...5).contains(number >> 10))
    guard map.reduce(0, { $0 + UInt64($1.nonzeroBitCount) }) == valid else { throw SpaceError.incomplete }
    let first = segment * blocksOfSegment
    if valid == 0 { return try blocks.free.add(first, count: blocksOfSegment) }
    if valid == blocksOfSegment {
      if holdsNodes { try blocks.nodes.add(first, count: blocksOfSegment) }
      return
    }
    for index in 0..<Int(blocksOfSegment) {
      let block = first + UInt64(index)
      if !bit(index, of: map) {
        try blocks.free.add(block)
      } else if holdsNodes {
        try blocks.nodes.add(block)
      }
    }
  }

  /// The first bit of a byte is the highest.
  private func bit(_ index: Int, of bytes: [UInt8]) -> Bool {
    index / 8 < bytes.count && bytes[index / 8] << (index % 8) & 0x80 != 0
  }

  /// A pack of blocks that begins and ends with the same checkpoint.
  private struct Checkpoint {
    /// In blocks.
    var start: UInt64
    var bytes: [UInt8]

    var version: UInt64 { bytes.little(at: 0, width: 8) }
    var blocks: UInt64 { field(136) }
    func field(_ offset: Int) -> UInt64 { bytes.little(at: offset, width: 4) }
    func has(_ flag: UInt64) -> Bool { field(132) & flag != 0 }
  }

  /// The newer of two checkpoints, or the only one that was written completely.
  private func validCheckpoint() throws -> Checkpoint {
    let found = try [field(76), field(76) + blocksOfSegment].compactMap { start -> Checkpoint? in
      let pack = Checkpoint(start: start, bytes: try device.bytes(at: start * block, count: Int(block)))
      guard (2...blocksOfSegment).contains(pack.blocks) else { return nil }
      let end = try device.bytes(at: (start + pack.blocks - 1) * block, count: 8)
      return end.little(at: 0, width: 8) == pack.version ? pack : nil
    }
    guard let newest = found.max(by: { $0.version < $1.version }) else { throw SpaceError.incomplete }
    return newest
  }

  /// The bitmap of the table's blocks whose second copy is valid.
  private func sitBitmap(_ checkpoint: Checkpoint) throws -> [UInt8] {
    let (sit, nat) = (checkpoint.field(156), checkpoint.field(160))
    let largeNAT: UInt64 = 0x400
    let payload = field(1664)
    guard sit <= payload * block || payload == 0, sit <= 1 << 24 else { throw SpaceError.incomplete }
    if payload > 0 { return try device.bytes(at: (checkpoint.start + 1) * block, count: Int(sit)) }
    // Both bitmaps are behind the checkpoint's fields; if the other one is large, behind a checksum and that.
    let start = checkpoint.has(largeNAT) ? 196 + nat : 192
    guard start + sit <= block else { throw SpaceError.incomplete }
    return Array(checkpoint.bytes[Int(start)..<Int(start + sit)])
  }

  /// The entries of the journal, by segment.
  private func journal(_ checkpoint: Checkpoint) throws -> [UInt64: ArraySlice<UInt8>] {
    let (compact, unmounted): (UInt64, UInt64) = (4, 1)
    var number = checkpoint.start + checkpoint.field(140)
    // Behind the other journal, of 507 bytes.
    var start = 507
    if !checkpoint.has(compact) {
      // Behind the entries of the summary of cold data, which is the third of the last three or six blocks.
      let fromEnd: UInt64 = checkpoint.has(unmounted) ? 5 : 2
      guard checkpoint.blocks > fromEnd else { throw SpaceError.incomplete }
      number = checkpoint.start + checkpoint.blocks - fromEnd
      start = 3584
    }
    let bytes = try device.bytes(at: number * block, count: Int(block))
    let count = min(Int(bytes.little(at: start, width: 2)), maximumInJournal)
    var entries: [UInt64: ArraySlice<UInt8>] = [:]
    for index in 0..<count {
      let entry = start + 2 + index * (4 + entryBytes)
      entries[bytes.little(at: entry, width: 4)] = bytes[entry + 4..<entry + 4 + entryBytes]
    }
    return entries
  }
}
