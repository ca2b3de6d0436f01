extension Collection<UInt8> {
  /// Decodes pairs of lower-case hexadecimal digits; nil for anything else.
  package var hexDecoded: [UInt8]? {
    guard count.isMultiple(of: 2) else { return nil }
    var result: [UInt8] = []
    result.reserveCapacity(count / 2)
    var rest = self[...]
    while let first = rest.popFirst(), let second = rest.popFirst() {
      guard let high = nibble(first), let low = nibble(second) else { return nil }
      result.append(high << 4 | low)
    }
    return result
  }
}

private func nibble(_ digit: UInt8) -> UInt8? {
  switch digit {
  case 0x30...0x39: digit - 0x30
  case 0x61...0x66: digit - 0x57
  default: nil
  }
}
