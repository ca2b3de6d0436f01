import Bytes

/// The partition map of Apple computers before GUID partition tables; see "Inside Macintosh: Devices", SCSI Manager.
///
/// Block 0 is the driver descriptor map. From block 1 on, each block holds one entry; the first is usually for the
/// map itself. Numbers are big-endian.
package struct ApplePartitionMap {
  private static let driverSignature = Array("ER".utf8)
  private static let entrySignature = Array("PM".utf8)
  private static let entrySize = 512
  /// The kernel reads no more.
  private static let maximumPartitions = 255

  private let blockSize: UInt64
  private let partitions: [DiskTable.Partition]
  private let entries: UInt64

  /// Nil if there is no map.
  package init?(_ bytes: TableBytes) {
    guard let drivers = bytes.bytes(at: 0, count: Self.entrySize), drivers.has(Self.driverSignature, at: 0) else {
      return nil
    }
    let blockSize = drivers.big(at: 2, width: 2)
    guard [512, 1024, 2048, 4096].contains(blockSize) else { return nil }
    func entry(_ index: UInt64) -> [UInt8]? {
      let entry = bytes.bytes(at: (index + 1).times(blockSize), count: Self.entrySize)
      return entry?.has(Self.entrySignature, at: 0) == true ? entry : nil
    }
    guard let first = entry(0) else { return nil }
    let count = min(first.big(at: 4, width: 4), UInt64(Self.maximumPartitions))
    self.blockSize = blockSize
    entries = count
    partitions = (0..<count).compactMap { index in
      guard let entry = entry(index) else { return nil }
      // Cannot overflow: both numbers have 32 bits.
      let start = entry.big(at: 8, width: 4) * blockSize
      return DiskTable.Partition(number: Int(index) + 1, range: start..<start + entry.big(at: 12, width: 4) * blockSize)
    }
  }

  package var table: DiskTable {
    var table = DiskTable(kind: .apple, partitions: partitions)
    table.areas.add("Driver descriptor map", at: 0, count: blockSize, kind: .boot)
    table.areas.add("Apple partition map", at: blockSize, count: entries * blockSize, kind: .boot)
    return table
  }
}

extension [UInt8] {
  /// A big-endian number, or 0 if it extends beyond the end.
  fileprivate func big(at offset: Int, width: Int) -> UInt64 {
    guard offset >= 0, width <= 8, offset <= count - width else { return 0 }
    return self[offset..<offset + width].reduce(0) { $0 << 8 | UInt64($1) }
  }
}
