import Bytes

/// An extent of a file, as its filesystem reports it through FIEMAP; filefrag(8) prints one per line.
package struct GuestExtent {
  /// The offsets in the file, in bytes.
  package var logical: Range<UInt64>
  /// The filesystem's address of the extent, in bytes.
  package var physical: UInt64
  /// filefrag's words for the flags, which the kernel's documentation of FIEMAP explains.
  package var flags: Set<Substring>

  /// The bytes are in the filesystem's metadata.
  package var isInline: Bool { flags.contains("inline") }
  /// Compressed or encrypted: the disk holds other bytes, and an unknown number of them.
  package var isEncoded: Bool { flags.contains("encoded") }
  /// Allocated, but reads as zeros.
  package var isUnwritten: Bool { flags.contains("unwritten") }

  /// Parses `   0:        0..       7:      12345..     12352:      8:             last,eof`, in units of 512 bytes;
  /// nil for any other line. If the extent is not where filefrag expected it, the expected offset precedes the flags.
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

  /// Converts sectors to bytes: at most a quarter of what 64 bits hold, so that the sum of two fits.
  private static func bytes(_ sectors: Substring) -> UInt64? {
    guard let number = UInt64(sectors), number < 1 << 53 else { return nil }
    return number << 9
  }
}
