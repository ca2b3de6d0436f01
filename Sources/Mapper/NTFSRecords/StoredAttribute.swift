/// A part of what a file has besides its data: an alternate stream, a reparse point (such as a symbolic link), extended
/// attributes, or another attribute in clusters of its own.
///
/// Directory entries are not included, nor is what every record has, such as times and names.
public enum StoredAttribute: Equatable, Sendable {
  /// In the record with this number.
  case resident(record: UInt64, parts: [ResidentPart])
  /// In clusters, counted from the beginning of the attribute. The attribute may be compressed or encrypted.
  case runs([Run])

  /// All such parts of a file, in the order of its records.
  /// - Parameters:
  ///   - number: the number of the file's first record.
  ///   - withData: whether to include the unnamed data.
  /// - Returns: the parts that precede anything malformed, or too many runs.
  public static func all<Source: RecordSource>(
    of number: UInt64, in source: inout Source, withData: Bool = false
  ) -> [StoredAttribute] {
    guard let first = source.record(number), first.base == nil else { return [] }
    var result = first.storedAttributes(number, withData: withData)
    guard let list = first.attributes.first(where: { $0.type == Attribute.list }),
      let bytes = FileData.value(of: list, in: first, &source), let entries = AttributeList.entries(bytes)
    else { return result }
    var seen: Set<UInt64> = [number]
    var runs = 0
    for entry in entries where seen.insert(entry.record.number).inserted {
      // A record belongs to one file only, so that none is looked at for many files.
      guard let record = source.record(entry.record.number), record.sequence == entry.record.sequence,
        record.base == number, runs <= FileData.maximumRuns
      else { return result }
      let found = record.storedAttributes(entry.record.number, withData: withData)
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
  fileprivate func storedAttributes(_ number: UInt64, withData: Bool) -> [StoredAttribute] {
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
