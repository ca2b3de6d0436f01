import Bytes

extension TraceLine {
  /// A date and a time such as `2026-11-30 18:45:47.887884`, with this separator between them, in nanoseconds since
  /// 1970. Years before 1970 are not known.
  mutating func calendarTime(separator: UInt8) -> UInt64? {
    guard let year = digits(), (1970..<2500).contains(year), skip(UInt8(ascii: "-")), let month = digits(),
      (1...12).contains(month), skip(UInt8(ascii: "-")), let day = digits(), (1...31).contains(day), skip(separator),
      let hour = digits(), hour < 24, skip(UInt8(ascii: ":")), let minute = digits(), minute < 60,
      skip(UInt8(ascii: ":")), let second = seconds()
    else { return nil }
    let minutes = (daysSince1970(year, month, day) * 24 + hour) * 60 + minute
    return minutes.times(60_000_000_000)?.plus(second)
  }
}

/// The days from the first of January 1970 to a date of the Gregorian calendar.
private func daysSince1970(_ year: UInt64, _ month: UInt64, _ day: UInt64) -> UInt64 {
  let before: [UInt64] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334]
  func leapYears(before year: UInt64) -> UInt64 { (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400 }
  let isLeap = leapYears(before: year + 1) > leapYears(before: year)
  let leapDays = leapYears(before: year) - leapYears(before: 1970) + (isLeap && month > 2 ? 1 : 0)
  return (year - 1970) * 365 + leapDays + before[Int(month) - 1] + day - 1
}
