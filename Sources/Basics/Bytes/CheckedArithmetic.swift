extension UInt64 {
  /// The product, or nil if it overflows.
  package func times(_ other: UInt64) -> UInt64? {
    let (product, overflow) = multipliedReportingOverflow(by: other)
    return overflow ? nil : product
  }

  /// The sum, or nil if it overflows.
  package func plus(_ other: UInt64) -> UInt64? {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? nil : sum
  }

  /// The sum, or `UInt64.max` if that is too small for it. Ranges of a map can overlap as often as the map says.
  package func addingSaturated(_ other: UInt64) -> UInt64 { plus(other) ?? .max }
}
