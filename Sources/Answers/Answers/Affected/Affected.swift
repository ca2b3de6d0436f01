import BlockMap

/// Which objects of a map a list of ranges hits.
package struct Affected {
  /// An object of which the list has bytes.
  package struct Hit {
    /// Nil for bytes that no object covers. A device stands for its bytes that the map does not account for.
    package var object: ObjectID?
    package var use: SpaceUse
    /// The bytes that the list has, on the disk that it is about.
    package var bytes: UInt64 = 0
    /// Those of them of which no copy is outside of the list. What has no content loses none.
    package var lost: UInt64 = 0
    /// Those of them of which another copy is outside of the list.
    package var readable: UInt64 = 0
    /// The bytes that the object has on all disks, copies included; nil for bytes that are not accounted for.
    package var size: UInt64?
    /// The lowest offset in the object that the list has; nil if the map has no offsets.
    package var offset: UInt64?
    /// The first byte on the disk.
    package var start: UInt64
  }

  package struct DeviceTotals {
    package var name: [UInt8]
    package var bytes: UInt64 = 0
    package var lost: UInt64 = 0
  }

  /// The objects, the most bytes first, and otherwise in the order of the disk.
  package let hits: [Hit]
  /// Each byte of the list counts once. If several objects have it, the first use of `SpaceUse` counts.
  package let totals: SpaceTotals
  package let lost: SpaceTotals
  /// The devices of the objects that count, the most bytes first.
  package let devices: [DeviceTotals]

  /// - Parameters:
  ///   - ranges: in bytes of the disk; sorted, with gaps between them.
  ///   - disk: the number of the disk, from 1.
  ///   - selection: which objects to report.
  package init(_ map: BlockMap, ranges: [Range<UInt64>], disk: Int, selection: ObjectSelection = ObjectSelection()) {
    let list = RangeSet(ranges)
    let copied = OtherCopies.bytes(of: list, disk: disk, in: map)
    let uses = map.objects.ids.map { SpaceUse(map.objects.kind(of: $0)) }
    let isKept = selection.isEverything ? nil : map.objects.ids.map { selection.keeps($0, in: map.objects) }
    let keeps = { (object: ObjectID) in isKept.map { $0[Int(object.rawValue)] } ?? true }

    var table = HitTable(map, copied: copied)
    var hint = 0
    for range in map.ranges where Int(range.disk) == disk {
      hint = list.index(endingAfter: range.range.lowerBound, hint: hint)
      guard hint < list.ranges.count else { break }
      guard list.ranges[hint].lowerBound < range.range.upperBound, keeps(range.object),
        let use = uses[Int(range.object.rawValue)]
      else { continue }
      table.add(range, use, bytes: list.count(in: range.range, hint: hint), first: list.ranges[hint].lowerBound)
    }

    let index = MapIndex(map)
    var totals = AffectedTotals(map, copied: copied)
    var scratch: [Owner] = []
    for range in ranges {
      index.forEachPiece(of: range, disk: disk, scratch: &scratch) { piece, owners in
        var counted: (owner: Owner, use: SpaceUse)?
        var isUsed = false
        for position in owners.indices {
          let owner = owners[position]
          guard let use = uses[Int(owner.object.rawValue)] else { continue }
          isUsed = true
          if keeps(owner.object), counted.map({ use.rawValue < $0.use.rawValue }) ?? true { counted = (owner, use) }
        }
        if let counted { return totals.add(piece.range, counted.use, counted.owner.object) }
        // The innermost device comes first.
        let device = owners.isEmpty ? nil : owners[0]
        guard !isUsed, selection.kinds == nil, device.map({ keeps($0.object) }) ?? selection.isEverything else {
          return
        }
        totals.add(piece.range, .unaccounted, device?.object)
        table.addUnaccounted(piece.range, device)
      }
    }
    hits = table.finish()
    (self.totals, lost, devices) = (totals.bytes, totals.lost, totals.sortedDevices)
  }
}

extension SpaceUse {
  /// Whether these bytes are anybody's content, which can be lost. Parity can be computed again.
  package var hasContent: Bool {
    switch self {
    case .free, .unwritten, .parity: false
    default: true
    }
  }
}
