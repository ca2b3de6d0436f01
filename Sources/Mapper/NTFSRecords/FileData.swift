/// What gives records and clusters of an NTFS volume.
public protocol RecordSource {
  /// The record with this number; nil where there is none.
  mutating func record(_ number: UInt64) -> FileRecord?
  /// The first `size` bytes of what is in some runs; nil where they are not all there. `size` is 256 KiB at most.
  mutating func bytes(of runs: [Run], size: UInt64) -> [UInt8]?
}

/// Where a file's bytes are: those of its data attribute that has no name.
public enum FileData: Equatable, Sendable {
  /// In the record with this number, which need not be the file's first.
  case resident(record: UInt64, parts: [ResidentPart])
  /// In clusters; `size` and `initializedSize` are in bytes. What lies behind the latter reads as zeros.
  case runs([Run], size: UInt64, initializedSize: UInt64)
  /// As `runs`, but so many clusters are compressed together, unless all of them are stored.
  case compressed([Run], size: UInt64, initializedSize: UInt64, unit: UInt64)
  /// As `runs`, but each byte is encrypted.
  case encrypted([Run], size: UInt64, initializedSize: UInt64)

  /// A file in more pieces is not followed: for each there are some 30 bytes of memory.
  static let mostRuns = 1 << 18
  /// NTFS compresses 16 clusters together; no more than 64 KiB of them.
  private static let mostUnitPower: UInt64 = 7

  /// - Parameters:
  ///   - number: of the file's first record.
  ///   - learn: is told the runs of each part of several before the next part is looked for.
  /// - Returns: nil where the records are not as described.
  public static func find<Source: RecordSource>(
    of number: UInt64, in source: inout Source, learn: (inout Source, [Run]) -> Void = { _, _ in }
  ) -> FileData? {
    find({ $0.type == Attribute.data && !$0.isNamed }, Attribute.data, isNamed: false, of: number, in: &source, learn)
  }

  /// Where a directory's entries are that are not in its record: nil where it has none, or is not as described.
  public static func directoryIndex<Source: RecordSource>(of number: UInt64, in source: inout Source) -> [Run]? {
    let found = find(
      { $0.type == Attribute.indexAllocation && $0.isDirectoryIndex }, Attribute.indexAllocation, isNamed: true,
      of: number, in: &source)
    guard case .runs(let runs, _, _) = found else { return nil }
    return runs
  }

  /// - Parameters:
  ///   - isWanted: the attribute that is looked for, of `type`.
  ///   - isNamed: whether it has a name.
  private static func find<Source: RecordSource>(
    _ isWanted: (Attribute) -> Bool, _ type: UInt64, isNamed: Bool, of number: UInt64, in source: inout Source,
    _ learn: (inout Source, [Run]) -> Void = { _, _ in }
  ) -> FileData? {
    guard let first = source.record(number), first.base == nil else { return nil }
    guard let list = first.attributes.first(where: { $0.type == Attribute.list }) else {
      guard let data = first.part(isWanted, lowest: 0) else { return nil }
      var collected = Collected()
      return collected.add(data, of: first, number) ? collected.result : nil
    }
    guard let bytes = value(of: list, in: first, &source), let entries = AttributeList.entries(bytes) else {
      return nil
    }
    var collected = Collected()
    // Each part has to begin where the one before it ends, so that none is looked at twice.
    for entry in entries where entry.type == type && entry.isNamed == isNamed {
      let known = collected.runs.count
      guard !collected.isComplete, entry.lowest == collected.end, entry.lowest > 0 || collected.isEmpty,
        let record = entry.record.number == number ? first : source.record(entry.record.number),
        record.sequence == entry.record.sequence, entry.record.number == number || record.base == number,
        let data = record.part(isWanted, lowest: entry.lowest), collected.add(data, of: record, entry.record.number)
      else { return nil }
      learn(&source, Array(collected.runs[known...]))
    }
    return collected.result
  }

  /// The first part of one of a file's attributes, and the record that has it; nil where it has none.
  /// - Parameter first: the file's first record, whose number `number` is.
  static func firstPart<Source: RecordSource>(
    of type: UInt64, isNamed: Bool, _ number: UInt64, _ first: FileRecord, in source: inout Source
  ) -> (FileRecord, Attribute)? {
    let isWanted = { (attribute: Attribute) in attribute.type == type && attribute.isNamed == isNamed }
    if let found = first.attributes.first(where: isWanted) { return (first, found) }
    guard let list = first.attributes.first(where: { $0.type == Attribute.list }),
      let bytes = value(of: list, in: first, &source),
      let entry = AttributeList.entries(bytes)?.first(where: {
        $0.type == type && $0.isNamed == isNamed && $0.lowest == 0
      }),
      let record = source.record(entry.record.number), record.sequence == entry.record.sequence, record.base == number,
      let found = record.attributes.first(where: isWanted)
    else { return nil }
    return (record, found)
  }

  static func value<Source: RecordSource>(
    of list: Attribute, in record: FileRecord, _ source: inout Source
  ) -> [UInt8]? {
    switch list.value {
    case .resident(let range): return Array(record.bytes[range])
    case .runs(let header):
      guard !list.isEncoded, header.size <= AttributeList.mostBytes, header.lowest == 0,
        header.initializedSize == header.size, let runs = record.runs(of: header)
      else { return nil }
      return source.bytes(of: runs, size: header.size)
    }
  }

  /// The parts of the attribute, put together.
  private struct Collected {
    /// Of the part with the first cluster.
    private var header: Attribute.RunsHeader?
    private(set) var runs: [Run] = []
    private var isCompressed = false
    private var isEncrypted = false
    private var whole: FileData?

    var isEmpty: Bool { header == nil && whole == nil }
    /// There is nothing to come behind data that is in a record.
    var isComplete: Bool { whole != nil }
    /// The cluster that the next part has to begin with.
    var end: UInt64 { runs.last.map { $0.start + $0.count } ?? 0 }

    var result: FileData? {
      whole
        ?? header.flatMap { header in
          if isEncrypted { return .encrypted(runs, size: header.size, initializedSize: header.initializedSize) }
          guard isCompressed else { return .runs(runs, size: header.size, initializedSize: header.initializedSize) }
          guard (1...FileData.mostUnitPower).contains(header.unitPower) else { return nil }
          return .compressed(
            runs, size: header.size, initializedSize: header.initializedSize, unit: 1 << header.unitPower)
        }
    }

    mutating func add(_ data: Attribute, of record: FileRecord, _ number: UInt64) -> Bool {
      switch data.value {
      case .resident(let range):
        guard isEmpty else { return false }
        whole = .resident(record: number, parts: record.parts(of: range))
      case .runs(let header):
        guard let added = record.runs(of: header), header.initializedSize <= header.size,
          added.count <= mostRuns - runs.count, isEmpty || !added.isEmpty
        else { return false }
        if self.header == nil {
          (self.header, isCompressed, isEncrypted) = (header, data.isCompressed, data.isEncrypted)
        }
        runs += added
      }
      return true
    }
  }
}

extension FileRecord {
  /// The part of an attribute that begins with a cluster.
  fileprivate func part(_ isWanted: (Attribute) -> Bool, lowest: UInt64) -> Attribute? {
    attributes.first { attribute in
      guard isWanted(attribute) else { return false }
      if case .runs(let header) = attribute.value { return header.lowest == lowest }
      return lowest == 0
    }
  }

  /// The runs of a part; nil where they are not what its header says.
  func runs(of header: Attribute.RunsHeader) -> [Run]? {
    guard let runs = RunList.decode(bytes[header.list], from: header.lowest) else { return nil }
    guard let last = runs.last else { return header.highest == UInt64.max && header.lowest == 0 ? [] : nil }
    return header.highest == last.start + last.count - 1 ? runs : nil
  }
}
