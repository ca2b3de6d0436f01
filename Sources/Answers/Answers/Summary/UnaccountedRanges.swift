import BlockMap

/// A range of a disk that the map does not account for.
package struct UnaccountedRange: Encodable, Equatable {
  /// The innermost device that it is in, escaped as in the map; empty if it is in none.
  package var device: String
  package var disk: Int
  /// In bytes of the disk; the end is exclusive.
  package var start: UInt64
  package var end: UInt64
}

extension MapIndex {
  /// Calls `body` with each range that the map does not account for, in the order of the disks.
  package func forEachUnaccounted(_ body: (UnaccountedRange) throws -> Void) rethrows {
    for (index, size) in map.sizes.enumerated() {
      var last: UnaccountedRange?
      try forEachUse(ofDisk: index + 1, size: size) { range, use, owners in
        guard use == .unaccounted else { return }
        let device = owners.isEmpty ? "" : Escaping.text(map.objects.device(of: owners[0].object), as: .device)
        if let found = last, found.end == range.lowerBound, found.device == device {
          last?.end = range.upperBound
          return
        }
        if let last { try body(last) }
        last = UnaccountedRange(device: device, disk: index + 1, start: range.lowerBound, end: range.upperBound)
      }
      if let last { try body(last) }
    }
  }
}
