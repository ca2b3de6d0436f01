import NTFSRecords

/// A file or directory, as the entries in its directory describe it.
///
/// Layout: "exFAT file system specification", 6.2, 7.4, 7.6 and 7.7.
struct ExFATEntry: Equatable {
  var name: [UInt8]
  var isDirectory: Bool
  var allocation: ClusterAllocation
  /// How many bytes at its beginning have been written.
  var validLength: UInt64

  private static let bytes = 32
  private static let end: UInt8 = 0
  private static let file: UInt8 = 0x85
  private static let stream: UInt8 = 0xc0
  private static let fileName: UInt8 = 0xc1
  private static let directoryAttribute: UInt64 = 0x10
  private static let noTable: UInt64 = 2
  private static let unitsOfEntry = 15

  /// All files and directories in the bytes of a directory. Entries that are malformed are left out.
  static func all(in directory: [UInt8]) -> [ExFATEntry] {
    var result: [ExFATEntry] = []
    var offset = 0
    while offset <= directory.count - bytes, directory[offset] != end {
      let secondary = directory[offset] == file ? Int(directory[offset + 1]) : 0
      let size = (1 + secondary) * bytes
      if secondary >= 2, size <= directory.count - offset,
        let entry = ExFATEntry(set: Array(directory[offset..<offset + size]))
      {
        result.append(entry)
      }
      offset += bytes
    }
    return result
  }
}

extension ExFATEntry {
  /// - Parameter set: the entry of the file, that of its data, and those with its name.
  fileprivate init?(set: [UInt8]) {
    guard set[Self.bytes] == Self.stream, let attributes = set.little(at: 4, 2),
      let flags = set.little(at: Self.bytes + 1, 1), let units = set.little(at: Self.bytes + 3, 1),
      let valid = set.little(at: Self.bytes + 8, 8), let first = set.little(at: Self.bytes + 20, 4),
      let length = set.little(at: Self.bytes + 24, 8)
    else { return nil }
    var name: [UInt16] = []
    for unit in 0..<Int(units) {
      let entry = (2 + unit / Self.unitsOfEntry) * Self.bytes
      guard entry < set.count, set[entry] == Self.fileName,
        let value = set.little(at: entry + 2 + 2 * (unit % Self.unitsOfEntry), 2)
      else { return nil }
      name.append(UInt16(truncatingIfNeeded: value))
    }
    self.name = name.asUTF8
    isDirectory = attributes & Self.directoryAttribute != 0
    allocation = ClusterAllocation(
      firstCluster: UInt32(truncatingIfNeeded: first), isContiguous: flags & Self.noTable != 0, length: length)
    validLength = valid
  }
}

extension [UInt8] {
  /// The little-endian number in `count` bytes; nil if the array is too short.
  fileprivate func little(at offset: Int, _ count: Int) -> UInt64? {
    guard offset >= 0, count <= self.count - offset else { return nil }
    return self[offset..<offset + count].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}
