import Bytes

/// The sector size that a VHDX image declares; see [MS-VHDX], "Virtual Hard Disk v2 (VHDX) File Format".
package enum VHDXMetadata {
  /// The offsets of the two copies of the region table, in bytes.
  private static let regionTables: [UInt64] = [192 << 10, 256 << 10]
  private static let metadataRegion: [UInt8] = [
    0x06, 0xa2, 0x7c, 0x8b, 0x90, 0x47, 0xfe, 0x4b, 0xb8, 0xfe, 0x57, 0x5f, 0x05, 0x0f, 0x88, 0x6e,
  ]
  private static let logicalSectorSize: [UInt8] = [
    0x1d, 0xbf, 0x41, 0x81, 0x6f, 0xa9, 0x09, 0x47, 0xba, 0x47, 0xf2, 0x33, 0xa8, 0xfa, 0xab, 0x5f,
  ]
  private static let maximumEntries: UInt64 = 2047

  /// Nil if the image is not VHDX or is damaged.
  /// - Parameter bytes: returns `count` bytes of the image at an offset, fewer at its end.
  package static func sectorSize(bytes: (_ at: UInt64, _ count: Int) -> [UInt8]) -> SectorSize? {
    guard bytes(0, 8).elementsEqual("vhdxfile".utf8) else { return nil }
    for offset in regionTables {
      let table = bytes(offset, 64 << 10)
      guard table.starts(with: "regi".utf8) else { continue }
      let count = Int(min(table.little(at: 8, width: 4), maximumEntries))
      for entry in 0..<count where table.has(metadataRegion, at: 16 + entry * 32) {
        let region = table.little(at: 16 + entry * 32 + 16, width: 8)
        if let size = size(inMetadataAt: region, bytes) { return size }
      }
    }
    return nil
  }

  private static func size(inMetadataAt region: UInt64, _ bytes: (UInt64, Int) -> [UInt8]) -> SectorSize? {
    let table = bytes(region, 64 << 10)
    guard table.starts(with: "metadata".utf8) else { return nil }
    let count = Int(min(table.little(at: 10, width: 2), maximumEntries))
    for entry in 0..<count where table.has(logicalSectorSize, at: 32 + entry * 32) {
      guard let offset = region.plus(table.little(at: 32 + entry * 32 + 16, width: 4)) else { return nil }
      let value = bytes(offset, 4)
      return value.count == 4 ? SectorSize(rawValue: Int(value.little(at: 0, width: 4))) : nil
    }
    return nil
  }
}
