extension UInt64 {
  /// The sum, or `UInt64.max` if that is too small for it. Ranges of a map can overlap as often as the map says.
  func addingSaturated(_ other: UInt64) -> UInt64 {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? .max : sum
  }
}
