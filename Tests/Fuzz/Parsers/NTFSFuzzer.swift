@testable import NTFSRecords

extension ParserFuzzer {
  /// The records of a file table, 512 bytes each, one after the other, and queries about them. The first byte is the
  /// cluster of the attribute at which a run list starts; its lowest bit says whether the fixups are repaired, so that
  /// the code after that check is reached.
  static let ntfsRecords = ParserFuzzer("ntfs-records") { bytes in
    guard let first = bytes.first else { return }
    var table = Table(bytes: Array(bytes.dropFirst()), isRepaired: first & 1 != 0)
    _ = BootSector(table.bytes)
    if let entries = AttributeList.entries(table.bytes) {
      try check(entries.count <= table.bytes.count / 26 + 1, "more entries than there is room for")
    }
    try checkRuns(RunList.decode(table.bytes[...], from: UInt64(first)), from: UInt64(first))
    for number in 0..<UInt64(min(8, table.count)) {
      if case .runs(let runs, _, _) = FileData.find(of: number, in: &table) { try checkRuns(runs, from: 0) }
      table.budget = Table.most
      for kept in StoredAttribute.all(of: number, in: &table, withData: true) {
        if case .resident(_, let parts) = kept {
          try check(
            parts.allSatisfy { $0.recordOffset >= 0 && $0.length > 0 && $0.recordOffset + $0.length <= 512 },
            "parts \(parts)")
        }
      }
      table.budget = Table.most
      if case .success(let entries) = DirectoryIndex.entries(of: number, in: &table, clusterSize: 512) {
        try check(entries.count <= DirectoryIndex.maximumEntries, "more entries than are allowed")
      }
      _ = FileTraits.find(of: number, in: &table)
      table.budget = Table.most
    }
  }

  private static func checkRuns(_ runs: [Run]?, from start: UInt64) throws {
    var position = start
    for run in runs ?? [] {
      try check(run.start == position && run.count > 0, "a run at \(run.start) follows \(position)")
      position += run.count
    }
  }

  /// A file table whose records are also the volume's clusters of 512 bytes.
  private struct Table: RecordSource {
    static let most = 4096

    let bytes: [UInt8]
    let isRepaired: Bool
    /// How many more records may be read.
    var budget = Self.most

    var count: Int { bytes.count / 512 }

    mutating func record(_ number: UInt64) -> FileRecord? {
      budget -= 1
      guard budget > 0, number < UInt64(count) else { return nil }
      var raw = Array(bytes[Int(number) * 512..<(Int(number) + 1) * 512])
      if isRepaired {
        raw.replaceSubrange(0..<8, with: Array("FILE".utf8) + [48, 0, 2, 0])
        raw[22] |= 1
        raw.replaceSubrange(510..<512, with: raw[48..<50])
      }
      return FileRecord(raw)
    }

    mutating func bytes(of runs: [Run], size: UInt64) -> [UInt8]? {
      guard size <= 256 << 10 else { return nil }
      var result: [UInt8] = []
      for run in runs {
        guard let cluster = run.cluster, cluster + run.count <= UInt64(count), UInt64(result.count) < size else {
          break
        }
        result += bytes[Int(cluster) * 512..<Int(cluster + run.count) * 512]
      }
      return UInt64(result.count) >= size ? Array(result.prefix(Int(size))) : nil
    }
  }
}
