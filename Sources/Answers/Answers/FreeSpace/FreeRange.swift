import BlockMap

/// A range of a disk that is free.
package struct FreeRange: Encodable, Equatable {
  /// The device that says so, escaped as in the map.
  package var device: String
  package var disk: Int
  /// In bytes of the disk; the end is exclusive.
  package var start: UInt64
  package var end: UInt64
}

extension MapIndex {
  /// Calls `body` with each free range, in the order of the disks.
  /// - Parameters:
  ///   - onlyDisk: the only disk to look at; nil for all.
  ///   - selection: which objects of the kind `u` count.
  package func forEachFree(
    onDisk onlyDisk: Int?, _ selection: ObjectSelection, _ body: (FreeRange) throws -> Void
  ) rethrows {
    for (index, size) in map.sizes.enumerated() where onlyDisk.map({ $0 == index + 1 }) ?? true {
      try forEachRegion(ofDisk: index + 1, size: size, selection) { region in
        guard region.use == .free else { return }
        let device = Escaping.text(map.objects.device(of: region.object), as: .device)
        try body(
          FreeRange(device: device, disk: index + 1, start: region.range.lowerBound, end: region.range.upperBound))
      }
    }
  }
}
