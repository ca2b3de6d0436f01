/// Numbers as a map writes them: hexadecimal, lower case, without `0x` and leading zeros.
public enum HexNumber {
  /// Appends `value` to `output`.
  public static func append(_ value: UInt64, to output: inout [UInt8]) {
    var shift = value == 0 ? 0 : (63 - value.leadingZeroBitCount) & ~3
    while shift >= 0 {
      let digit = UInt8(truncatingIfNeeded: value >> UInt64(shift)) & 0xf
      output.append(digit < 10 ? 0x30 &+ digit : 0x57 &+ digit)
      shift -= 4
    }
  }
}
