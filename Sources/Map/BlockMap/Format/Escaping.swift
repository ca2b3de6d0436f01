/// How names are written in a map: a byte that would break the line becomes `\ooo`, three octal digits.
public enum Escaping {
  /// Which bytes must be escaped in a field.
  public enum Field: Sendable {
    /// DEVICE, and `file=` in the header: every byte below 0x21, 0x7f and the backslash.
    case device
    /// PATH, the last field, which can contain spaces: every byte below 0x20, 0x7f and the backslash.
    case path

    /// The lowest byte that is not escaped in this field.
    var lowestPlain: UInt8 { self == .device ? 0x21 : 0x20 }
  }

  /// Appends `bytes` as `field` writes them. Bytes from 0x80 on are not escaped: names need not be UTF-8.
  @inlinable
  public static func append(_ bytes: some Sequence<UInt8>, as field: Field, to output: inout [UInt8]) {
    for byte in bytes {
      append(byte, as: field, to: &output)
    }
  }

  /// The same for bytes in memory. They are appended in one step if none must be escaped, which is nearly always so.
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
