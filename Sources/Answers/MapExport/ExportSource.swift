import BlockMap

/// A map, and which of its lines to export.
package struct ExportSource {
  package let map: BlockMap
  package let selection: ObjectSelection
  /// The only disk to export; nil for all.
  package let disk: UInt32?

  package init(_ map: BlockMap, selection: ObjectSelection = ObjectSelection(), disk: UInt32? = nil) {
    (self.map, self.selection, self.disk) = (map, selection, disk)
  }

  func keeps(_ object: ObjectID) -> Bool { selection.isEverything || selection.keeps(object, in: map.objects) }

  func keeps(_ range: MappedRange) -> Bool { disk.map { $0 == range.disk } ?? true }

  /// Calls `body` with each range, in the order of the map.
  func forEachRange(_ body: (MappedRange) throws -> Void) rethrows {
    for range in map.ranges where keeps(range) && keeps(range.object) { try body(range) }
  }
}

/// Why a map cannot be exported. The description is one line for the user.
package struct ExportError: Error, CustomStringConvertible {
  package let description: String
}
