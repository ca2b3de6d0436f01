/// A source of records and clusters of an NTFS volume.
public protocol RecordSource {
  /// The record with this number; nil if there is none.
  mutating func record(_ number: UInt64) -> FileRecord?
  /// The first `size` bytes of some runs; nil if not all of them are there. `size` is 256 KiB at most.
  mutating func bytes(of runs: [Run], size: UInt64) -> [UInt8]?
}

/// Where a file's bytes are: the value of its unnamed data attribute.
public enum FileData: Equatable, Sendable {
  /// In the record with this number, which need not be the file's first.
  case resident(record: UInt64, parts: [ResidentPart])
  /// In clusters; `size` and `initializedSize` are in bytes. What lies beyond `initializedSize` reads as zeros.
  case runs([Run], size: UInt64, initializedSize: UInt64)
  /// Like `runs`, but `unit` clusters are compressed together; a unit whose clusters are all stored is not compressed.
  case compressed([Run], size: UInt64, initializedSize: UInt64, unit: UInt64)
  /// Like `runs`, but each byte is encrypted.
  case encrypted([Run], size: UInt64, initializedSize: UInt64)

  /// A file with more runs is not followed: each run takes about 30 bytes of memory.
  static let maximumRuns = 1 << 18
  /// NTFS compresses 16 clusters together, and never more than 64 KiB: 128 clusters of 512 bytes.
  private static let maximumUnitPower: UInt64 = 7

  /// - Parameters:
  ///   - number: the number of the file's first record.
  ///   - learn: if the file has an attribute list, is called with the runs of each part before the next is looked up.
  /// - Returns: nil if the records are malformed.
  public static func find<Source: RecordSource>(
    of number: UInt64, in source: inout Source, learn: (inout Source, [Run]) -> Void = { _, _ in }
  ) -> FileData? {
    find({ $0.type == Attribute.data && !$0.isNamed }, Attribute.data, isNamed: false, of: number, in: &source, learn)
  }

  /// Where the entries of a directory are that are not in its record; nil if there are none, or if they are malformed.
  public static func directoryIndex<Source: RecordSource>(of number: UInt64, in source: inout Source) -> [Run]? {
    let found = find(
      { $0.type == Attribute.indexAllocation && $0.isDirectoryIndex }, Attribute.indexAllocation, isNamed: true,
      of: number, in: &source)
    guard case .runs(let runs, _, _) = found else { return nil }
    return runs
  }

  /// - Parameters:
  ///   - isWanted: whether this is the attribute to find, which is of `type`.
  ///   - isNamed: whether the attribute has a name.
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
    // Each part must begin where the previous one ends, so that no part is looked at twice.
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

  /// The first part of one of a file's attributes, and the record that has it; nil if there is none.
  /// - Parameter first: the file's first record, whose number is `number`.
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
      guard !list.isEncoded, header.size <= AttributeList.maximumBytes, header.lowest == 0,
        header.initializedSize == header.size, let runs = record.runs(of: header)
      else { return nil }
      return source.bytes(of: runs, size: header.size)
    }
  }

  /// The parts of an attribute, put together.
  private struct Collected {
    /// The header of the part with the first cluster.
    private var header: Attribute.RunsHeader?
    private(set) var runs: [Run] = []
    private var isCompressed = false
    private var isEncrypted = false
    private var whole: FileData?

    var isEmpty: Bool { header == nil && whole == nil }
    /// Nothing can follow data that is in a record.
    var isComplete: Bool { whole != nil }
    /// The cluster with which the next part must begin.
    var end: UInt64 { runs.last.map { $0.start + $0.count } ?? 0 }

    var result: FileData? {
      whole
        ?? header.flatMap { header in
          if isEncrypted { return .encrypted(runs, size: header.size, initializedSize: header.initializedSize) }
          guard isCompressed else { return .runs(runs, size: header.size, initializedSize: header.initializedSize) }
          guard (1...FileData.maximumUnitPower).contains(header.unitPower) else { return nil }
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
          added.count <= maximumRuns - runs.count, isEmpty || !added.isEmpty
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
  /// The part of an attribute that begins with the cluster `lowest`.
  fileprivate func part(_ isWanted: (Attribute) -> Bool, lowest: UInt64) -> Attribute? {
    attributes.first { attribute in
      guard isWanted(attribute) else { return false }
      if case .runs(let header) = attribute.value { return header.lowest == lowest }
      return lowest == 0
    }
  }

  /// The runs of a part; nil if they contradict its header.
  func runs(of header: Attribute.RunsHeader) -> [Run]? {
    guard let runs = RunList.decode(bytes[header.list], from: header.lowest) else { return nil }
    guard let last = runs.last else { return header.highest == UInt64.max && header.lowest == 0 ? [] : nil }
    return header.highest == last.start + last.count - 1 ? runs : nil
  }
}
