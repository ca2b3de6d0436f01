/// How the names of a map are written: a byte that would break the line is `\ooo`, three octal digits.
public enum Escaping {
  /// Which bytes a field cannot hold as they are.
  public enum Field: Sendable {
    /// DEVICE, and `file=` in the header: every byte below 0x21, 0x7f and the backslash.
    case device
    /// PATH, the last field, which may hold a space: every byte below 0x20, 0x7f and the backslash.
    case path

    /// The lowest byte that this field holds as it is.
    var lowestPlain: UInt8 { self == .device ? 0x21 : 0x20 }
  }

  /// Appends `bytes` as `field` writes them. Bytes from 0x80 on stay as they are: names need not be UTF-8.
  @inlinable
  public static func append(_ bytes: some Sequence<UInt8>, as field: Field, to output: inout [UInt8]) {
    for byte in bytes {
      append(byte, as: field, to: &output)
    }
  }

  /// The same of bytes in memory, at once where `field` holds all of them as they are, as nearly always.
  public static func append(_ bytes: UnsafeRawBufferPointer, as field: Field, to output: inout [UInt8]) {
    let lowestPlain = field.lowestPlain
    var isEscaped = false
    for byte in bytes where byte < lowestPlain || byte == 0x7f || byte == 0x5c { isEscaped = true }
    guard isEscaped else { return output.append(contentsOf: bytes) }
    for byte in bytes { append(byte, as: field, to: &output) }
  }

  /// Appends one byte as `field` writes it.
  public static func append(_ byte: UInt8, as field: Field, to output: inout [UInt8]) {
    if byte < field.lowestPlain || byte == 0x7f || byte == 0x5c {
      output.append(0x5c)
      output.append(0x30 | byte >> 6)
      output.append(0x30 | byte >> 3 & 7)
      output.append(0x30 | byte & 7)
    } else {
      output.append(byte)
    }
  }
}
