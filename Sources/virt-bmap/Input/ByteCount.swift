import ArgumentParser

/// A number of bytes as people write it: decimal or `0x…`, with a suffix k, M, G or T for powers of 1024, or s for
/// sectors.
struct ByteCount {
  let value: UInt64

  init(value: UInt64) { self.value = value }

  init?(_ text: String) {
    var digits = Substring(text)
    var unit: UInt64 = 1
    switch digits.last {
    case "k", "K": unit = 1 << 10
    case "m", "M": unit = 1 << 20
    case "g", "G": unit = 1 << 30
    case "t", "T": unit = 1 << 40
    case "s": unit = 512
    default: break
    }
    if unit > 1 { digits = digits.dropLast() }
    let isHex = digits.hasPrefix("0x") || digits.hasPrefix("0X")
    if isHex { digits = digits.dropFirst(2) }
    guard digits.first?.isHexDigit == true, let number = UInt64(digits, radix: isHex ? 16 : 10) else { return nil }
    let (value, overflow) = number.multipliedReportingOverflow(by: unit)
    guard !overflow else { return nil }
    self.value = value
  }
}

extension ByteCount: ExpressibleByArgument {
  init?(argument: String) { self.init(argument) }

  var defaultValueDescription: String { value.isMultiple(of: 1 << 30) ? "\(value >> 30)G" : String(value) }
}
