/// Finds the ranges of an object: 4 bytes for each range and each object of the map.
public struct ObjectRanges: Sendable {
  private let map: BlockMap
  /// The indices of the map's ranges, sorted by object, and for each object in the order of the map.
  private var indices: [UInt32]
  /// Where the indices of each object start; the last element is the number of ranges.
  private var starts: [UInt32]

  public init(_ map: BlockMap) {
    self.map = map
    // Count the ranges of each object, and then put each range behind those of the objects before.
    starts = [UInt32](repeating: 0, count: map.objects.count + 1)
    for range in map.ranges { starts[Int(range.object.rawValue) + 1] += 1 }
    for object in 0..<map.objects.count { starts[object + 1] += starts[object] }
    indices = [UInt32](repeating: 0, count: map.ranges.count)
    var next = starts
    for (index, range) in map.ranges.enumerated() {
      let object = Int(range.object.rawValue)
      indices[Int(next[object])] = UInt32(index)
      next[object] += 1
    }
  }

  /// The ranges of an object, in the order of the map: by disk, start and end.
  public func ranges(of object: ObjectID) -> some RandomAccessCollection<MappedRange> {
    let bounds = Int(starts[Int(object.rawValue)])..<Int(starts[Int(object.rawValue) + 1])
    return indices[bounds].lazy.map { map.ranges[Int($0)] }
  }
}
