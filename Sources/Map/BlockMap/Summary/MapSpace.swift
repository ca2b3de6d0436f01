extension BlockMap {
  /// The sizes of the disks in bytes, the first disk first. A map without a header does not say them, so its disks end
  /// where their last range ends.
  public var sizes: [UInt64] {
    guard disks.isEmpty else { return disks.map(\.size) }
    var sizes: [UInt64] = []
    for range in ranges {
      while sizes.count < Int(range.disk) { sizes.append(0) }
      sizes[Int(range.disk) - 1] = max(sizes[Int(range.disk) - 1], range.range.upperBound)
    }
    return sizes
  }
}

extension MapIndex {
  /// Calls `body` with each piece of a disk, what it is used for, and its owners, the most specific first.
  public func forEachUse(
    ofDisk disk: Int, size: UInt64, _ body: (Range<UInt64>, SpaceUse, Span<Owner>) throws -> Void
  ) rethrows {
    var scratch: [Owner] = []
    try forEachPiece(of: 0..<size, disk: disk, scratch: &scratch) { piece, owners in
      var use = SpaceUse.unaccounted
      // Owners of equal specificity may have different uses.
      for position in owners.indices {
        guard let found = SpaceUse(map.objects.kind(of: owners[position].object)) else { continue }
        if found.rawValue < use.rawValue { use = found }
      }
      try body(piece.range, use, owners)
    }
  }
}
