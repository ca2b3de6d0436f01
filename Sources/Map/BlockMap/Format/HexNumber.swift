/// Numbers as a map writes them: hexadecimal, lower case, without `0x` and leading zeros.
public enum HexNumber {
  /// Appends `value` to `output`.
  public static func append(_ value: UInt64, to output: inout [UInt8]) {
    // Collect the digits from the last one on and append them in one step: appending each digit would check the
    // capacity of the output each time.
    var digits = InlineArray<16, UInt8>(repeating: 0)
    var first = digits.count
    var rest = value
    repeat {
      first -= 1
      let digit = UInt8(truncatingIfNeeded: rest) & 0xf
      digits[first] = digit < 10 ? 0x30 &+ digit : 0x57 &+ digit
      rest >>= 4
    } while rest != 0
    digits.span.extracting(first...).withUnsafeBytes { output.append(contentsOf: $0) }
  }
}
