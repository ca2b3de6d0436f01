/// The order of a map's lines: by disk, start and end; then broader kinds first, by device, path and offset.
enum RangeOrder {
  static func precedes(_ a: MappedRange, _ b: MappedRange, _ objects: ObjectTable) -> Bool {
    if a.disk != b.disk { return a.disk < b.disk }
    if a.range.lowerBound != b.range.lowerBound { return a.range.lowerBound < b.range.lowerBound }
    if a.range.upperBound != b.range.upperBound { return a.range.upperBound < b.range.upperBound }
    if a.object != b.object { return objects.isOrderedBefore(a.object, b.object) }
    return a.objectOffset < b.objectOffset
  }
}
