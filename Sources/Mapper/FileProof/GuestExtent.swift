import Bytes

/// A part of a file as its filesystem tells it through FIEMAP; filefrag(8) prints a line for each.
package struct GuestExtent {
  /// In the file, in bytes.
  package var logical: Range<UInt64>
  /// By the filesystem's addresses, in bytes.
  package var physical: UInt64
  /// filefrag's words, as the kernel's documentation of FIEMAP explains them.
  package var flags: Set<Substring>

  /// The bytes are in the filesystem's metadata.
  package var isInline: Bool { flags.contains("inline") }
  /// Compressed or encrypted: the disk holds other bytes, and how many is not known.
  package var isEncoded: Bool { flags.contains("encoded") }
  /// Reads as zeros.
  package var isUnwritten: Bool { flags.contains("unwritten") }

  /// `   0:        0..       7:      12345..     12352:      8:             last,eof`, in units of 512 bytes; nil for
  /// another line. With another place expected than the one there is, that comes before the flags.
  package init?(line: Substring) {
    let fields = line.parts(between: ":", omittingEmptySubsequences: false)
      .map { $0.split(whereSeparator: { $0 == " " || $0 == "." || $0 == "," }) }
    guard fields.count >= 5, fields[0].count == 1, Int(fields[0][0]) != nil, fields[1].count == 2, fields[2].count == 2,
      let start = Self.bytes(fields[1][0]), let physical = Self.bytes(fields[2][0]),
      let length = fields[3].first.flatMap(Self.bytes), length > 0
    else { return nil }
    logical = start..<start + length
    self.physical = physical
    flags = Set(fields.dropFirst(4).flatMap { $0 }.filter { UInt64($0) == nil })
  }

  /// At most a quarter of what 64 bits hold, so that sums of two fit.
  private static func bytes(_ sectors: Substring) -> UInt64? {
    guard let number = UInt64(sectors), number < 1 << 53 else { return nil }
    return number << 9
  }
}
