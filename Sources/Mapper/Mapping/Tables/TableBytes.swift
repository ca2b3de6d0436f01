import DiskImage

/// The bytes of a disk, for whoever looks for a partition table in them.
struct TableBytes {
  /// Of the disk, in bytes.
  let size: UInt64
  private let readBytes: (UInt64, Int) -> [UInt8]?

  init(_ disk: any VirtualDisk) {
    size = disk.size
    readBytes = { offset, count in
      var bytes = [UInt8](repeating: 0, count: count)
      do {
        try bytes.withUnsafeMutableBytes { try disk.read(into: $0, at: offset) }
      } catch {
        return nil
      }
      return bytes
    }
  }

  /// A disk that is all in memory.
  init(_ bytes: [UInt8]) {
    size = UInt64(bytes.count)
    readBytes = { offset, count in Array(bytes[Int(offset)..<Int(offset) + count]) }
  }

  /// Exactly `count` bytes; nil where they are not on the disk or cannot be read.
  func bytes(at offset: UInt64?, count: Int) -> [UInt8]? {
    guard let offset, count > 0, let end = offset.plus(UInt64(count)), end <= size else { return nil }
    return readBytes(offset, count)
  }

  /// One sector by its number.
  func sector(_ number: UInt64, _ sectorSize: SectorSize) -> [UInt8]? {
    bytes(at: number.times(sectorSize.bytes), count: sectorSize.rawValue)
  }
}

extension [UInt8] {
  /// A number with its lowest byte first; what is beyond the end counts as 0.
  func little(at offset: Int, width: Int) -> UInt64 {
    guard offset >= 0, width <= 8, offset <= count - width else { return 0 }
    return self[offset..<offset + width].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// Whether these bytes are at this place.
  func has(_ bytes: some Collection<UInt8>, at offset: Int) -> Bool {
    offset <= count - bytes.count && self[offset..<offset + bytes.count].elementsEqual(bytes)
  }
}
