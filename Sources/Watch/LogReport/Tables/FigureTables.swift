import AccessFigures
import BlockMap
import Bytes

/// The figures as tables. In each, what was read and written most comes first.
package struct FigureTables: Sendable {
  package struct Row<Name: Sendable>: Sendable {
    package let name: Name
    package var counts: AccessPair
  }

  package private(set) var objects: [Row<ObjectID>] = []
  package private(set) var directories: [Row<DirectoryFigures.Directory>] = []
  /// By the name of the device, not escaped.
  package private(set) var devices: [Row<[UInt8]>] = []
  /// Nil stands for what no object covers.
  package private(set) var kinds: [Row<ObjectKind?>] = []

  /// - Parameter table: of the log that the figures are about.
  package init(_ figures: AccessFigures, _ table: ObjectTable) {
    var byDevice: [[UInt8]: AccessPair] = [:]
    for (index, counts) in figures.objects.enumerated() where !counts.isEmpty {
      let object = ObjectID(rawValue: UInt32(index))
      objects.append(Row(name: object, counts: counts))
      byDevice[table.device(of: object), default: AccessPair()].add(counts)
    }
    objects.sort { Self.isBefore($0, $1) ?? ($0.name.rawValue < $1.name.rawValue) }
    devices = byDevice.map { Row(name: $0.key, counts: $0.value) }
    devices.sort { Self.isBefore($0, $1) ?? $0.name.lexicographicallyPrecedes($1.name) }
    directories = DirectoryFigures(figures, table).all.map { Row(name: $0.key, counts: $0.value) }
    directories.sort { a, b in
      Self.isBefore(a, b)
        ?? (a.name.device != b.name.device
          ? a.name.device.lexicographicallyPrecedes(b.name.device)
          : a.name.path.lexicographicallyPrecedes(b.name.path))
    }
    kinds = figures.kinds.map { Row(name: $0.key, counts: $0.value) }
    if !figures.unmapped.isEmpty { kinds.append(Row(name: nil, counts: figures.unmapped)) }
    kinds.sort { Self.isBefore($0, $1) ?? (($0.name?.rawValue ?? 0) < ($1.name?.rawValue ?? 0)) }
  }

  /// Nil if both have the same number of bytes.
  private static func isBefore<Name>(_ a: Row<Name>, _ b: Row<Name>) -> Bool? {
    let (bytesA, bytesB) = (a.counts.bytes, b.counts.bytes)
    return bytesA == bytesB ? nil : bytesA > bytesB
  }
}

extension AccessPair {
  /// Bytes read and written.
  var bytes: UInt64 { reads.bytes.addingSaturated(writes.bytes) }

  /// How many requests read or wrote.
  var requests: UInt64 { reads.requests.addingSaturated(writes.requests) }
}
