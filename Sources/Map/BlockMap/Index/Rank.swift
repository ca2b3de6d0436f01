/// The order in which the ranges over a place are listed: the more specific kind first, then the shorter range. Equal
/// ones are in the order of the map.
enum Rank {
  static func of(_ range: Range<UInt64>, _ kind: ObjectKind) -> UInt64 {
    let length = range.upperBound &- range.lowerBound
    return (7 &- UInt64(kind.specificity)) << 61 | min(length, 1 << 61 - 1)
  }
}
