import AccessFigures
import Algorithms
import BlockMap

/// Makes the rows of a table.
struct LiveRows {
  let totals: LiveTotals
  let table: ObjectTable
  let recent: [UInt32: RecentAccesses.Rate]

  /// A row before it gets its name.
  struct Candidate<Name> {
    var name: Name
    var counts: AccessPair
    var rate: RecentAccesses.Rate
  }

  func files() -> [Candidate<ObjectID>] {
    totals.figures.objects.indices.compactMap { index in
      let id = ObjectID(rawValue: UInt32(truncatingIfNeeded: index))
      let counts = totals.figures.objects[index]
      guard !counts.isEmpty, !table.kind(of: id).isDevice else { return nil }
      return Candidate(name: id, counts: counts, rate: recent[id.rawValue] ?? .init())
    }
  }

  /// - Parameter totals: of all directories; they need not be quite up to date.
  func directories(_ totals: DirectoryFigures) -> [Candidate<DirectoryFigures.Directory>] {
    var rates: [DirectoryFigures.Directory: RecentAccesses.Rate] = [:]
    for (number, rate) in recent {
      let id = ObjectID(rawValue: number)
      let device = table.device(of: id)
      table.withPath(of: id) { path in
        guard let path, path.first == 0x2f, path.count <= 4096 else { return }
        let ends = [1] + path.indices.dropFirst().filter { path[$0] == 0x2f }
        let last = table.kind(of: id) == .directory && path.count > 1 ? [path.count] : []
        for end in (ends + last).prefix(64) {
          rates[.init(device: device, path: Array(path[..<end])), default: .init()].add(rate)
        }
      }
    }
    return totals.all.map { Candidate(name: $0, counts: $1, rate: rates[$0] ?? .init()) }
  }

  func devices() -> [Candidate<[UInt8]>] { grouped { table.device(of: $0) } }

  func kinds() -> [Candidate<ObjectKind>] { grouped { table.kind(of: $0) } }

  private func grouped<Name: Hashable>(by name: (ObjectID) -> Name) -> [Candidate<Name>] {
    var groups: [Name: Candidate<Name>] = [:]
    for (index, counts) in totals.figures.objects.enumerated() where !counts.isEmpty {
      let id = ObjectID(rawValue: UInt32(truncatingIfNeeded: index))
      let name = name(id)
      groups[name, default: Candidate(name: name, counts: AccessPair(), rate: .init())].counts.add(counts)
      if let rate = recent[id.rawValue] { groups[name]?.rate.add(rate) }
    }
    return Array(groups.values)
  }

  /// The first rows in an order.
  static func first<Name>(
    _ query: LiveQuery, of candidates: [Candidate<Name>], name: (Name) -> [UInt8]
  ) -> [LiveSnapshot.Row] {
    candidates.max(count: query.limit) { key($0, query.order) < key($1, query.order) }.reversed().map { candidate in
      LiveSnapshot.Row(
        name: name(candidate.name), readRate: candidate.rate.readBytes, writeRate: candidate.rate.writtenBytes,
        read: candidate.counts.reads.bytes, written: candidate.counts.writes.bytes,
        requests: candidate.counts.reads.requests &+ candidate.counts.writes.requests)
    }
  }

  /// What an order sorts by, and what decides between equals.
  private static func key<Name>(_ candidate: Candidate<Name>, _ order: LiveOrder) -> (UInt64, UInt64) {
    let (reads, writes) = (candidate.counts.reads, candidate.counts.writes)
    let bytes = reads.bytes &+ writes.bytes
    return switch order {
    case .rate: (candidate.rate.bytes, bytes)
    case .read: (reads.bytes, bytes)
    case .written: (writes.bytes, bytes)
    case .requests: (reads.requests &+ writes.requests, bytes)
    case .last: (max(reads.last ?? 0, writes.last ?? 0), bytes)
    }
  }
}
