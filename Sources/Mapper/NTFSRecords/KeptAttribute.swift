/// A part of what a file has beside its data: an alternate stream, a reparse point (which a symbolic link is), extended
/// attributes, or another attribute that is in clusters of its own.
///
/// Not a directory's entries, and not what every record has: times, names and the like.
public enum KeptAttribute: Equatable, Sendable {
  /// In the record with this number.
  case resident(record: UInt64, parts: [ResidentPart])
  /// In clusters, which are counted from the attribute's beginning. It may be compressed or encrypted.
  case runs([Run])

  /// All parts that a file has, in the order of its records.
  /// - Parameters:
  ///   - number: of the file's first record.
  ///   - withData: the data without a name, too.
  /// - Returns: what is found before something is not as described or there are too many runs.
  public static func all<Source: RecordSource>(
    of number: UInt64, in source: inout Source, withData: Bool = false
  ) -> [KeptAttribute] {
    guard let first = source.record(number), first.base == nil else { return [] }
    var result = first.kept(number, withData: withData)
    guard let list = first.attributes.first(where: { $0.type == Attribute.list }),
      let bytes = FileData.value(of: list, in: first, &source), let entries = AttributeList.entries(bytes)
    else { return result }
    var seen: Set<UInt64> = [number]
    var runs = 0
    for entry in entries where seen.insert(entry.record.number).inserted {
      // A record is one file's only, so that none is looked at for many.
      guard let record = source.record(entry.record.number), record.sequence == entry.record.sequence,
        record.base == number, runs <= FileData.mostRuns
      else { return result }
      let found = record.kept(entry.record.number, withData: withData)
      runs += found.reduce(0) { $0 + $1.runs }
      result += found
    }
    return result
  }

  private var runs: Int {
    switch self {
    case .resident: 0
    case .runs(let runs): runs.count
    }
  }
}

extension FileRecord {
  fileprivate func kept(_ number: UInt64, withData: Bool) -> [KeptAttribute] {
    attributes.compactMap { attribute in
      switch (attribute.type, attribute.value) {
      case (Attribute.data, _) where !attribute.isNamed && !withData: nil
      case (Attribute.data, .resident(let range)), (Attribute.reparsePoint, .resident(let range)),
        (Attribute.extendedAttributes, .resident(let range)):
        range.isEmpty ? nil : .resident(record: number, parts: parts(of: range))
      case (_, .resident), (Attribute.indexAllocation, _): nil
      case (_, .runs(let header)): runs(of: header).flatMap { $0.isEmpty ? nil : .runs($0) }
      }
    }
  }
}
