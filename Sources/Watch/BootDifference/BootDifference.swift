import AccessFigures
import BlockMap
import Bytes

/// How the reads of two boots differ, by the distinct bytes that were read of each object.
package struct BootDifference {
  package enum Change: String, CaseIterable, Sendable {
    case new
    case gone
    case more
    case less
  }

  /// An object of which the boots read different amounts.
  package struct Entry {
    /// Nil for what no object of the map covers.
    package var object: MappedObject?
    /// In bytes.
    package var before: UInt64
    package var after: UInt64

    package var change: Change {
      if before == 0 { return .new }
      if after == 0 { return .gone }
      return after > before ? .more : .less
    }

    /// How many bytes more or less.
    package var size: UInt64 { max(before, after) - min(before, after) }
  }

  package struct Directory {
    package var name: DirectoryFigures.Directory
    package var before: UInt64
    package var after: UInt64

    package var size: UInt64 { max(before, after) - min(before, after) }
  }

  package let before: BootReads
  package let after: BootReads
  /// The largest difference first.
  package private(set) var entries: [Entry] = []
  /// Directories with all that is below them, the largest difference first.
  package private(set) var directories: [Directory] = []

  package init(before: BootReads, after: BootReads) {
    self.before = before
    self.after = after
    compareObjects()
    compareDirectories()
  }

  /// What was read differently as a share of what the first boot read; nil if that read nothing.
  package var share: Double? {
    before.bytes == 0 ? nil : Double(entries.reduce(UInt64(0)) { $0.addingSaturated($1.size) }) / Double(before.bytes)
  }

  private mutating func compareObjects() {
    var known: Set<ObjectID> = []
    for object in after.objects {
      let old = before.find(object, of: after)
      if let old { known.insert(old) }
      add(after.table[object], old.map { before.bytes(of: $0) } ?? 0, after.bytes(of: object))
    }
    for object in before.objects where !known.contains(object) {
      add(before.table[object], before.bytes(of: object), 0)
    }
    add(nil, before.figures.unmapped.reads.distinctBytes, after.figures.unmapped.reads.distinctBytes)
    entries.sort { first, second in
      first.size == second.size ? Self.name(first) < Self.name(second) : first.size > second.size
    }
  }

  private mutating func add(_ object: MappedObject?, _ before: UInt64, _ after: UInt64) {
    guard before != after else { return }
    entries.append(Entry(object: object, before: before, after: after))
  }

  /// For an order that does not depend on that of the logs.
  private static func name(_ entry: Entry) -> String {
    guard let object = entry.object else { return "" }
    return String(decoding: object.device + [0] + (object.path ?? []) + [object.kind.rawValue], as: UTF8.self)
  }

  private mutating func compareDirectories() {
    let old = DirectoryFigures(before.figures, before.table).all
    let new = DirectoryFigures(after.figures, after.table).all
    for name in Set(old.keys).union(new.keys) {
      let directory = Directory(
        name: name, before: old[name]?.reads.distinctBytes ?? 0, after: new[name]?.reads.distinctBytes ?? 0)
      if directory.size > 0 { directories.append(directory) }
    }
    directories.sort { first, second in
      if first.size != second.size { return first.size > second.size }
      let (a, b) = (first.name, second.name)
      if a.device != b.device { return a.device.lexicographicallyPrecedes(b.device) }
      return a.path.lexicographicallyPrecedes(b.path)
    }
  }
}
