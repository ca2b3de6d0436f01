import BlockStack
import Bytes

/// HFS+ and HFSX ("Technical Note TN1150: HFS Plus Volume Format").
struct HFSPlus: FilesystemType {
  let names: [Substring] = ["hfsplus"]

  private static let header: UInt64 = 1024
  private static let headerBytes: UInt64 = 512
  /// The special files, by the offset of their fork data in the volume header.
  private static let files = [
    (112, "allocation file"), (192, "extents overflow file"), (272, "catalog file"), (352, "attributes file"),
    (432, "startup file"),
  ]

  func areas(on device: some DeviceBytes, known: [DeviceArea]) throws -> [DeviceArea] {
    guard device.size >= 2 * Self.header + Self.headerBytes else { return [] }
    let header = try device.bytes(at: Self.header, count: Int(Self.headerBytes))
    let (block, blocks) = (header.big(at: 40, width: 4), header.big(at: 44, width: 4))
    guard header.has(Array("H+".utf8), at: 0) || header.has(Array("HX".utf8), at: 0), (512...1 << 24).contains(block),
      block.nonzeroBitCount == 1
    else { return [] }
    var areas: [DeviceArea] = []
    areas.add("boot block", at: 0, count: Self.header, kind: .boot)
    areas.add("volume header", at: Self.header, count: Self.headerBytes)
    let end = blocks * block
    guard end <= device.size, end >= Self.header else { return areas }
    // It is in the second to last 512 bytes; the last ones are reserved.
    areas.add("alternate volume header", at: end - Self.header, count: Self.headerBytes)
    areas.add("reserved", at: end - Self.headerBytes, count: Self.headerBytes)
    let first = Self.header + Self.headerBytes
    if block > first { areas.add("reserved", at: first, count: block - first) }
    areas.concatenate { $0 == "reserved" }
    for (offset, name) in Self.files { add(name, at: offset, of: header, block, to: &areas) }
    try addJournal(header, block, on: device, to: &areas)

    // Only the first eight extents of the allocation file are in the header.
    let pieces = areas.filter { $0.name == "allocation file" }.map(\.range)
    areas += try AllocationBitmap(pieces: pieces, count: blocks, firstBit: .highest)
      .freeAreas(on: device, start: 0, blockSize: block)
    areas.addSpace(behind: end, on: device)
    return areas
  }

  /// Adds the extents of a special file that are in the volume header.
  private func add(_ name: String, at offset: Int, of header: [UInt8], _ block: UInt64, to areas: inout [DeviceArea]) {
    var position: UInt64 = 0
    for extent in 0..<8 {
      let start = header.big(at: offset + 16 + extent * 8, width: 4) * block
      let count = header.big(at: offset + 20 + extent * 8, width: 4) * block
      areas.add(name, at: start, count: count, offset: position)
      position += count
    }
  }

  private func addJournal(
    _ header: [UInt8], _ block: UInt64, on device: some DeviceBytes, to areas: inout [DeviceArea]
  ) throws {
    let isJournaled = header.big(at: 4, width: 4) & 1 << 13 != 0
    let start = header.big(at: 12, width: 4) * block
    guard isJournaled, start > 0, let end = start.plus(block), end <= device.size else { return }
    let information = try device.bytes(at: start, count: 52)
    areas.add("journal information", at: start, count: block)
    // The journal may be on another device.
    guard information.big(at: 0, width: 4) & 1 != 0 else { return }
    areas.add("journal", at: information.big(at: 36, width: 8), count: information.big(at: 44, width: 8))
  }
}
