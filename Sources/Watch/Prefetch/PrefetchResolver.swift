import BlockMap

/// Finds out where the parts of objects that a list names lie in another map.
package struct PrefetchResolver {
  /// A part of an object on a disk.
  private struct Extent {
    /// In bytes of the object.
    var object: Range<UInt64>
    var disk: Int
    var start: UInt64
  }

  /// The extents of one object by their offsets in it. Copies have the same offsets.
  private struct Extents {
    var sorted: [Extent]
    /// For each extent, the largest end of it and those before it, so that the first one of a range can be searched.
    var ends: [UInt64]

    init(_ ranges: some Sequence<MappedRange>) {
      sorted = ranges.compactMap { range in
        let length = range.range.upperBound - range.range.lowerBound
        let (end, overflow) = range.objectOffset.addingReportingOverflow(length)
        guard !overflow else { return nil }
        return Extent(object: range.objectOffset..<end, disk: Int(range.disk), start: range.range.lowerBound)
      }
      sorted.sort { ($0.object.lowerBound, $0.disk, $0.start) < ($1.object.lowerBound, $1.disk, $1.start) }
      ends = []
      for extent in sorted { ends.append(max(ends.last ?? 0, extent.object.upperBound)) }
    }

    func forEach(in range: Range<UInt64>, _ body: (Extent) throws -> Void) rethrows {
      var (low, high) = (0, sorted.count)
      while low < high {
        let middle = (low + high) / 2
        if ends[middle] > range.lowerBound { high = middle } else { low = middle + 1 }
      }
      while low < sorted.count, sorted[low].object.lowerBound < range.upperBound {
        if sorted[low].object.upperBound > range.lowerBound { try body(sorted[low]) }
        low += 1
      }
    }
  }

  private let map: BlockMap
  private let ranges: ObjectRanges
  private var known: [ObjectID: Extents] = [:]
  private var parts = UnseenParts()
  /// Lines of the list, and those whose objects are not in the map.
  package private(set) var lines = 0
  package private(set) var missing = 0

  /// - Parameter map: must have offsets.
  package init(_ map: BlockMap) {
    self.map = map
    ranges = ObjectRanges(map)
  }

  /// Emits the ranges of the disks for a line, every copy of them, but nothing twice.
  package mutating func add(_ line: PrefetchList.Line, _ emit: (PrefetchPart) throws -> Void) rethrows {
    lines += 1
    let wanted = line.object
    guard let object = map.objects.find(kind: wanted.kind, device: wanted.device, path: wanted.path) else {
      missing += 1
      return
    }
    if known[object] == nil { known[object] = Extents(ranges.ranges(of: object)) }
    var found: [PrefetchPart] = []
    known[object]?.forEach(in: line.range) { extent in
      let part = extent.object.clamped(to: line.range)
      let start = extent.start + (part.lowerBound - extent.object.lowerBound)
      found.append(
        PrefetchPart(
          disk: extent.disk, range: start..<start + (part.upperBound - part.lowerBound), object: object,
          offset: part.lowerBound))
    }
    try parts.add(found, emit)
  }

  /// Emits the last range.
  package mutating func finish(_ emit: (PrefetchPart) throws -> Void) rethrows { try parts.finish(emit) }
}
