/// The list of a file's attributes if they do not fit into one record: which record has which part of which attribute.
///
/// Layout: "NTFS Documentation" of the Linux-NTFS project, "$ATTRIBUTE_LIST".
enum AttributeList {
  /// In bytes; NTFS allows no more.
  static let maximumBytes: UInt64 = 256 << 10
  private static let entryBytes = 26

  struct Entry: Equatable {
    var type: UInt64
    var isNamed: Bool
    /// The first of the attribute's clusters that this part describes.
    var lowest: UInt64
    var record: RecordReference
  }

  /// The entries in order; nil if the list is malformed.
  static func entries(_ bytes: [UInt8]) -> [Entry]? {
    var result: [Entry] = []
    var offset = 0
    while offset < bytes.count {
      guard let type = bytes.number(at: offset, bytes: 4), let length = bytes.number(at: offset + 4, bytes: 2),
        let name = bytes.number(at: offset + 6, bytes: 1), let lowest = bytes.number(at: offset + 8, bytes: 8),
        let record = bytes.number(at: offset + 16, bytes: 8), length >= entryBytes
      else { return nil }
      result.append(Entry(type: type, isNamed: name > 0, lowest: lowest, record: RecordReference(record)))
      offset += Int(length)
    }
    return result
  }
}
