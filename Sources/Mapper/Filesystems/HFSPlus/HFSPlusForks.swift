import BlockStack
import Bytes

/// All that the catalog, the attributes file and the extents overflow file of HFS+ refer to, in bytes of the device.
struct HFSPlusForks {
  private(set) var resources: [Range<UInt64>] = []
  private(set) var attributes: [Range<UInt64>] = []
  private(set) var links: [Range<UInt64>] = []
  private(set) var badBlocks: [Range<UInt64>] = []
  /// Of files.
  private(set) var data: [Range<UInt64>] = []

  private static let badBlockFile: UInt64 = 5
  /// Files with smaller IDs are special.
  private static let firstUserFile: UInt64 = 16

  /// Throws `SpaceError` if one of the trees is damaged.
  init(of volume: HFSPlusVolume, on device: some DeviceBytes) throws {
    let files = try volume.specialFiles(on: device)
    if let tree = try HFSPlusTree(files[.extentsOverflow, default: []], on: device) {
      try tree.forEachRecord { try addExtents($0, volume) }
    }
    guard let catalog = try HFSPlusTree(files[.catalog, default: []], on: device) else { throw SpaceError.incomplete }
    try catalog.forEachRecord { try addFile($0, volume) }
    if let tree = try HFSPlusTree(files[.attributes, default: []], on: device) {
      try tree.forEachRecord { try addAttribute($0, volume) }
    }
  }

  private mutating func addExtents(_ record: [UInt8], _ volume: HFSPlusVolume) throws {
    guard let extents = HFSPlusOverflow(record, of: volume) else { throw SpaceError.incomplete }
    if extents.isResource {
      resources += extents.ranges
    } else if extents.file == Self.badBlockFile {
      badBlocks += extents.ranges
    } else if extents.file >= Self.firstUserFile {
      data += extents.ranges
    }
    try checkCounts()
  }

  private mutating func addFile(_ record: [UInt8], _ volume: HFSPlusVolume) throws {
    let start = try dataOffset(in: record)
    // Others are folders, and threads, which say where an ID is.
    let (file, bytes, link): (UInt64, Int, UInt64) = (2, 248, 0xa000)
    guard record.big(at: start, width: 2) == file else { return }
    guard record.count >= start + bytes else { throw SpaceError.incomplete }
    let isLink = record.big(at: start + 42, width: 2) & 0xf000 == link
    let extents = volume.extents(ofFork: start + 88, in: record)
    if isLink { links += extents } else { data += extents }
    resources += volume.extents(ofFork: start + 168, in: record)
    try checkCounts()
  }

  private mutating func addAttribute(_ record: [UInt8], _ volume: HFSPlusVolume) throws {
    let start = try dataOffset(in: record)
    let (fork, more): (UInt64, UInt64) = (0x20, 0x30)
    switch record.big(at: start, width: 4) {
    case fork: attributes += volume.extents(ofFork: start + 8, in: record)
    case more: attributes += volume.extents(at: start + 8, of: record)
    default: break
    }
    try checkCounts()
  }

  /// Where a record's data begins: behind the key, at an even offset.
  private func dataOffset(in record: [UInt8]) throws(SpaceError) -> Int {
    let offset = (2 + Int(record.big(at: 0, width: 2)) + 1) & ~1
    guard offset + 2 <= record.count else { throw .incomplete }
    return offset
  }

  private func checkCounts() throws(SpaceError) {
    let count = resources.count + attributes.count + links.count + badBlocks.count + data.count
    guard count <= 4 * DeviceTable.maximumLocations else { throw .tooManyPieces }
  }
}
