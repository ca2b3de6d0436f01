/// Numbers in few columns.
package enum Compact {
  /// A number of bytes in at most five columns, such as `512`, `12.3K` or `1023M`; units are powers of 1024.
  package static func bytes(_ count: UInt64) -> String { scaled(count, by: 1024, ["", "K", "M", "G", "T", "P", "E"]) }

  /// Another number in at most five columns; units are powers of 1000.
  package static func number(_ count: UInt64) -> String {
    count < 100_000 ? String(count) : scaled(count, by: 1000, ["", "k", "m", "g", "t", "p", "e"])
  }

  private static func scaled(_ count: UInt64, by factor: Double, _ units: [String]) -> String {
    guard count >= 1000 else { return String(count) }
    var value = Double(count)
    var unit = 0
    while value >= 999.5, unit + 1 < units.count {
      value /= factor
      unit += 1
    }
    return fraction(value, decimals: value < 99.95 ? 1 : 0) + units[unit]
  }

  /// A latency, such as `35 us`, `3.4 ms` or `1.2 s`.
  package static func latency(_ nanoseconds: UInt64?) -> String {
    guard let nanoseconds else { return "-" }
    let microseconds = Double(nanoseconds) / 1000
    if microseconds < 999.5 { return "\(fraction(microseconds, decimals: 0)) us" }
    if microseconds < 999_500 {
      return "\(fraction(microseconds / 1000, decimals: microseconds < 99_950 ? 1 : 0)) ms"
    }
    guard microseconds < 999_500_000 else { return "\(number(nanoseconds / 1_000_000_000)) s" }
    return "\(fraction(microseconds / 1_000_000, decimals: 1)) s"
  }

  /// A time, such as `1:23` or `12:34:56`.
  package static func time(_ nanoseconds: UInt64) -> String {
    let seconds = nanoseconds / 1_000_000_000
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60)
    let start = hours > 0 ? "\(hours):\(twoDigits(minutes))" : "\(minutes)"
    return "\(start):\(twoDigits(rest))"
  }

  private static func twoDigits(_ number: UInt64) -> String { number < 10 ? "0\(number)" : "\(number)" }

  private static func fraction(_ value: Double, decimals: Int) -> String {
    let rounded = UInt64((value * (decimals == 0 ? 1 : 10)).rounded())
    return decimals == 0 ? String(rounded) : "\(rounded / 10).\(rounded % 10)"
  }
}
