import BlockMap

/// A part of a disk that is free space of one device, or files of one device.
struct SpaceRegion: Equatable {
  /// What it is used for: `free` or `files`.
  var use: SpaceUse
  /// An object that it belongs to, from which its device is known.
  var object: ObjectID
  /// In bytes of the disk.
  var range: Range<UInt64>
}

extension MapIndex {
  /// Calls `body` with each part of a disk that is free or belongs to files, in order. Neighbours of the same device and
  /// use are joined.
  /// - Parameter selection: which objects count.
  func forEachRegion(
    ofDisk disk: Int, size: UInt64, _ selection: ObjectSelection, _ body: (SpaceRegion) throws -> Void
  ) rethrows {
    var last: SpaceRegion?
    try forEachUse(ofDisk: disk, size: size) { range, use, owners in
      guard use == .free || use == .files, let object = firstOwner(use, owners, selection) else { return }
      if let region = last, region.use == use, region.range.upperBound == range.lowerBound,
        map.objects.device(of: region.object) == map.objects.device(of: object)
      {
        last?.range = region.range.lowerBound..<range.upperBound
        return
      }
      if let last { try body(last) }
      last = SpaceRegion(use: use, object: object, range: range)
    }
    if let last { try body(last) }
  }

  private func firstOwner(_ use: SpaceUse, _ owners: Span<Owner>, _ selection: ObjectSelection) -> ObjectID? {
    for position in owners.indices {
      let object = owners[position].object
      if SpaceUse(map.objects.kind(of: object)) == use, selection.keeps(object, in: map.objects) { return object }
    }
    return nil
  }
}
