import Bytes

/// Reads the bytes of a disk in which a partition table is looked for.
package struct TableBytes {
  /// Size of the disk, in bytes.
  package let size: UInt64
  private let readBytes: (UInt64, Int) -> [UInt8]?

  /// - Parameters:
  ///   - size: size of the disk, in bytes.
  ///   - read: returns `count` bytes at an offset, always within the disk; nil if they cannot be read.
  package init(size: UInt64, read: @escaping (_ offset: UInt64, _ count: Int) -> [UInt8]?) {
    self.size = size
    readBytes = read
  }

  /// A disk in memory.
  package init(_ bytes: [UInt8]) {
    size = UInt64(bytes.count)
    readBytes = { offset, count in Array(bytes[Int(offset)..<Int(offset) + count]) }
  }

  /// Exactly `count` bytes; nil if they are not all on the disk or cannot be read.
  package func bytes(at offset: UInt64?, count: Int) -> [UInt8]? {
    guard let offset, count > 0, let end = offset.plus(UInt64(count)), end <= size else { return nil }
    return readBytes(offset, count)
  }

  /// One sector by its number.
  package func sector(_ number: UInt64, _ sectorSize: SectorSize) -> [UInt8]? {
    bytes(at: number.times(sectorSize.bytes), count: sectorSize.rawValue)
  }
}
