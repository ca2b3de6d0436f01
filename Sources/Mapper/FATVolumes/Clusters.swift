/// The clusters of a FAT or exFAT volume, and the file allocation table that links them.
package struct Clusters: Equatable, Sendable {
  /// How many bits of an entry of the table count: on FAT32, the upper four of 32 bits are reserved.
  package enum Entry: UInt64, Sendable {
    case fat12 = 12
    case fat16 = 16
    case fat32 = 28
    case exFAT = 32

    /// The size of an entry, in bits.
    var size: UInt64 { self == .fat32 ? 32 : rawValue }
  }

  /// The number of the first cluster.
  package static let first: UInt64 = 2
  /// The entry of a free cluster.
  package static let free: UInt64 = 0

  /// The offset of the first cluster on the device, in bytes.
  package let start: UInt64
  /// The size of a cluster, in bytes.
  package let size: UInt64
  package let count: UInt64
  /// The offset on the device of the table that is in use, in bytes.
  package let table: UInt64
  package let entry: Entry

  /// The end of the last cluster on the device, in bytes.
  package var end: UInt64 { start + count * size }

  /// The entry of a cluster that cannot be used.
  package var bad: UInt64 { mask - 8 }

  /// The bits of an entry that count.
  package var mask: UInt64 { 1 << entry.rawValue - 1 }

  package func exists(_ number: UInt64) -> Bool { number >= Self.first && number - Self.first < count }

  /// Where a cluster that exists is, in bytes of the device.
  package func range(of number: UInt64) -> Range<UInt64> {
    let start = start + (number - Self.first) * size
    return start..<start + size
  }

  /// The number of the cluster with this byte of the device; nil if there is none.
  package func number(at offset: UInt64) -> UInt64? {
    offset >= start && offset < end ? (offset - start) / size + Self.first : nil
  }

  /// The part of the table with the entries of all clusters, in bytes of the device.
  package var entries: Range<UInt64> {
    table + Self.first * entry.size / 8..<table + ((count + Self.first) * entry.size + 7) / 8
  }
}
