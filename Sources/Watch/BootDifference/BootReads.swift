import AccessFigures
import BlockMap

/// What a boot read, according to its log.
package struct BootReads {
  package let figures: AccessFigures
  package let table: ObjectTable

  package init(_ figures: AccessFigures, _ table: ObjectTable) {
    self.figures = figures
    self.table = table
  }

  /// In bytes of the disks, each counted once however often it was read.
  package var bytes: UInt64 { figures.total.reads.distinctBytes }
  package var requests: UInt64 { figures.total.reads.requests }

  /// Distinct bytes that were read of an object.
  func bytes(of object: ObjectID) -> UInt64 {
    let index = Int(object.rawValue)
    return index < figures.objects.count ? figures.objects[index].reads.distinctBytes : 0
  }

  /// The objects of which anything was read.
  var objects: some Sequence<ObjectID> {
    figures.objects.indices.lazy.filter { figures.objects[$0].reads.distinctBytes > 0 }
      .map { ObjectID(rawValue: UInt32($0)) }
  }

  /// The object that another log knows by this name. A file with several names counts under one of them, which need not
  /// be the same in both logs.
  func find(_ object: ObjectID, of other: BootReads) -> ObjectID? {
    for name in [object] + (other.figures.aliases[object] ?? []) {
      let named = other.table[name]
      if let found = table.find(kind: named.kind, device: named.device, path: named.path), bytes(of: found) > 0 {
        return found
      }
    }
    return nil
  }
}
