import Bytes

/// The bytes of a disk, for whoever looks for a partition table in them.
package struct TableBytes {
  /// Of the disk, in bytes.
  package let size: UInt64
  private let readBytes: (UInt64, Int) -> [UInt8]?

  /// - Parameters:
  ///   - size: of the disk, in bytes.
  ///   - read: gives so many bytes from an offset on, which are on the disk; nil where they cannot be read.
  package init(size: UInt64, read: @escaping (_ offset: UInt64, _ count: Int) -> [UInt8]?) {
    self.size = size
    readBytes = read
  }

  /// A disk that is all in memory.
  package init(_ bytes: [UInt8]) {
    size = UInt64(bytes.count)
    readBytes = { offset, count in Array(bytes[Int(offset)..<Int(offset) + count]) }
  }

  /// Exactly `count` bytes; nil where they are not on the disk or cannot be read.
  package func bytes(at offset: UInt64?, count: Int) -> [UInt8]? {
    guard let offset, count > 0, let end = offset.plus(UInt64(count)), end <= size else { return nil }
    return readBytes(offset, count)
  }

  /// One sector by its number.
  package func sector(_ number: UInt64, _ sectorSize: SectorSize) -> [UInt8]? {
    bytes(at: number.times(sectorSize.bytes), count: sectorSize.rawValue)
  }
}
