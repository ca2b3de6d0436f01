import DiskImage
import Glibc

/// Compares the bytes of a disk in two states by sectors of 512 bytes. The two states have the same size.
package struct StateBytes {
  private static let sectorBytes: UInt64 = 512

  private var old: BlockReader
  private var new: BlockReader
  /// Reads what was elsewhere in the old state, so that the reader above need not go back.
  private var elsewhere: BlockReader

  package init(old: any VirtualDisk, new: any VirtualDisk) {
    self.old = BlockReader(old)
    self.new = BlockReader(new)
    elsewhere = BlockReader(old)
  }

  /// Whether the first sector of a range is the same in both states, and how many bytes of the range follow for which
  /// the answer is the same.
  /// - Parameter range: within the disk, not empty.
  /// - Throws: `DiskError`.
  package mutating func run(_ range: Range<UInt64>) throws -> (isEqual: Bool, count: UInt64) {
    try Self.run(&old, at: range.lowerBound, &new, range)
  }

  /// The same for bytes that were elsewhere in the old state, from `offset` on.
  mutating func run(_ range: Range<UInt64>, oldOffset offset: UInt64) throws -> (isEqual: Bool, count: UInt64) {
    try Self.run(&elsewhere, at: offset, &new, range)
  }

  /// Whether the first sector of a range is zero in the new state, and how many bytes of the range follow for which the
  /// answer is the same.
  mutating func zeroRun(_ range: Range<UInt64>) throws -> (isZero: Bool, count: UInt64) {
    let count = min(try new.load(at: range.lowerBound), range.upperBound - range.lowerBound)
    let part = range.lowerBound..<range.lowerBound + count
    return new.withLoaded(part) { bytes in
      Self.run(of: part) { sector in bytes[sector].allSatisfy { $0 == 0 } }
    }
  }

  private static func run(
    _ old: inout BlockReader, at offset: UInt64, _ new: inout BlockReader, _ range: Range<UInt64>
  ) throws -> (Bool, UInt64) {
    let loaded = min(try old.load(at: offset), try new.load(at: range.lowerBound))
    let count = min(loaded, range.upperBound - range.lowerBound)
    let part = range.lowerBound..<range.lowerBound + count
    return old.withLoaded(offset..<offset + count) { oldBytes in
      new.withLoaded(part) { newBytes in
        run(of: part) { sector in
          guard let a = oldBytes.baseAddress, let b = newBytes.baseAddress else { return true }
          return memcmp(a + sector.lowerBound, b + sector.lowerBound, sector.count) == 0
        }
      }
    }
  }

  /// Goes through the sectors of a part of the disk until the answer changes.
  /// - Parameter answer: takes bytes that are counted from the start of the part.
  private static func run(of part: Range<UInt64>, _ answer: (Range<Int>) -> Bool) -> (Bool, UInt64) {
    var first: Bool?
    var position = part.lowerBound
    while position < part.upperBound {
      let end = min(position - position % sectorBytes + sectorBytes, part.upperBound)
      let sector = Int(position - part.lowerBound)..<Int(end - part.lowerBound)
      let found = answer(sector)
      guard first == nil || first == found else { break }
      first = found
      position = end
    }
    return (first ?? true, position - part.lowerBound)
  }
}
