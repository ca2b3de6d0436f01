/// The order of objects: broader kinds first, then devices and paths in byte order. An object without a path comes
/// before those with one.
protocol ObjectOrder {
  func isOrderedBefore(_ a: ObjectID, _ b: ObjectID) -> Bool
}

extension ObjectTable: ObjectOrder {}

/// The order of a map's lines: by disk, start and end; then broader kinds first, then by device, path and offset.
enum RangeOrder {
  static func precedes(_ a: MappedRange, _ b: MappedRange, _ objects: some ObjectOrder) -> Bool {
    if a.disk != b.disk { return a.disk < b.disk }
    if a.range.lowerBound != b.range.lowerBound { return a.range.lowerBound < b.range.lowerBound }
    if a.range.upperBound != b.range.upperBound { return a.range.upperBound < b.range.upperBound }
    if a.object != b.object { return objects.isOrderedBefore(a.object, b.object) }
    return a.objectOffset < b.objectOffset
  }
}
