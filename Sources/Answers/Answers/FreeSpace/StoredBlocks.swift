import DiskImage
import Glibc

/// Counts what a disk's image stores in ranges of the disk, in whole blocks of 4 KiB: that is the unit in which a file
/// can lose what it stores.
struct StoredBlocks {
  /// The bytes of whole blocks.
  struct Count: Equatable {
    /// In blocks that the image stores at least a part of.
    var stored: UInt64 = 0
    /// In stored blocks that are not all zeros.
    var notZero: UInt64 = 0
  }

  static let block: UInt64 = 4096
  private static let bufferBytes: UInt64 = 1 << 20

  private let disk: any VirtualDisk
  private var buffer = [UInt8](repeating: 0, count: Int(bufferBytes))

  init(_ disk: any VirtualDisk) { self.disk = disk }

  /// Counts the blocks that lie in the range with all of their bytes.
  /// - Parameters:
  ///   - range: must not end beyond the disk.
  ///   - read: called with the number of bytes after each read; what it throws ends the work.
  /// - Throws: `DiskError`, and what `read` throws.
  mutating func count(in range: Range<UInt64>, read: (UInt64) throws -> Void) throws -> Count {
    var count = Count()
    let end = range.upperBound / Self.block * Self.block
    guard let first = Self.roundedUp(range.lowerBound), first < end else { return count }
    var position = first
    while position < end {
      let extent = try firstExtent(in: position..<end)
      // A block that is stored in part is stored.
      let extentEnd = min(Self.roundedUp(extent.range.upperBound) ?? end, end)
      if extent.state == .data {
        while position < extentEnd {
          let length = min(extentEnd - position, Self.bufferBytes)
          count.stored += length
          count.notZero += try notZero(in: position..<position + length)
          position += length
          try read(length)
        }
      } else {
        // Only whole blocks of a hole are passed over: the rest of the last one may be data.
        let hole = extent.range.upperBound / Self.block * Self.block
        if hole > position {
          position = hole
        } else {
          count.stored += Self.block
          count.notZero += try notZero(in: position..<position + Self.block)
          position += Self.block
        }
      }
    }
    return count
  }

  private static func roundedUp(_ offset: UInt64) -> UInt64? {
    let (sum, overflow) = offset.addingReportingOverflow(block - 1)
    return overflow ? nil : sum / block * block
  }

  private func firstExtent(in range: Range<UInt64>) throws(DiskError) -> DiskExtent {
    var found: DiskExtent?
    try disk.extents(in: range) { (extent) throws(DiskError) in
      found = extent
      return false
    }
    // What the image says nothing about must be read.
    return found ?? DiskExtent(range: range, state: .data)
  }

  /// How many bytes of a range of blocks, at most as long as the buffer, are in blocks that are not all zeros.
  private mutating func notZero(in range: Range<UInt64>) throws -> UInt64 {
    let (length, disk) = (Int(range.upperBound - range.lowerBound), disk)
    return try buffer.withUnsafeMutableBytes { buffer in
      let bytes = UnsafeMutableRawBufferPointer(rebasing: buffer[..<length])
      try disk.read(into: bytes, at: range.lowerBound)
      var count: UInt64 = 0
      for start in stride(from: 0, to: length, by: Int(Self.block)) {
        if !Self.isZero(UnsafeRawBufferPointer(rebasing: bytes[start..<start + Int(Self.block)])) {
          count += Self.block
        }
      }
      return count
    }
  }

  private static func isZero(_ block: UnsafeRawBufferPointer) -> Bool {
    // All bytes are zero if the first one is, and each equals the one before it.
    guard let start = block.baseAddress, block[0] == 0 else { return false }
    return memcmp(start, start + 1, block.count - 1) == 0
  }
}
