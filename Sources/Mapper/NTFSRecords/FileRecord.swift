/// A record of the file table.
///
/// On the disk, the last two bytes of every sector of a record have the same value, so that a partly written record is
/// detected. The bytes that belong there are in an array at the beginning of the record.
/// Layout: "NTFS Documentation" of the Linux-NTFS project, "FILE Record" and "Fixup".
public struct FileRecord: Sendable {
  /// What counts as a sector here, in bytes, whatever the sector size of the disk.
  static let sector = 512
  private static let headerBytes = 42
  private static let inUse: UInt64 = 1
  private static let directory: UInt64 = 2

  /// The record, with the last bytes of every sector restored.
  let bytes: [UInt8]
  /// The offset of the array of these bytes; it begins with the value that replaces them on the disk.
  let fixups: Int
  /// Counts how often the record was used for another file.
  let sequence: UInt64
  /// How many names the file has, including short names.
  let names: UInt64
  let isDirectory: Bool
  /// The number of the record that this one continues; nil if this is a file's first record.
  let base: UInt64?
  /// The record's attributes in their order.
  let attributes: [Attribute]

  /// - Parameter raw: the record as it is on the disk; its size is a multiple of 512 bytes.
  /// - Returns: nil if the record is unused, partly written or malformed.
  public init?(_ raw: [UInt8]) {
    guard raw.starts(with: Array("FILE".utf8)), let offset = raw.number(at: 4, bytes: 2), offset >= Self.headerBytes,
      let bytes = Self.withFixups(raw), let names = raw.number(at: 18, bytes: 2),
      let sequence = raw.number(at: 16, bytes: 2), let first = raw.number(at: 20, bytes: 2),
      let flags = raw.number(at: 22, bytes: 2), flags & Self.inUse != 0, let base = raw.number(at: 32, bytes: 8)
    else { return nil }
    guard let attributes = Attribute.all(in: bytes, from: Int(first)) else { return nil }
    fixups = Int(offset)
    self.bytes = bytes
    self.sequence = sequence
    self.names = names
    isDirectory = flags & Self.directory != 0
    self.base = base == 0 ? nil : RecordReference(base).number
    self.attributes = attributes
  }

  /// Restores the last bytes of every sector of a record or an index node; nil if it was only partly written.
  static func withFixups(_ raw: [UInt8]) -> [UInt8]? {
    let sectors = raw.count / sector
    guard sectors > 0, raw.count % sector == 0, let offset = raw.number(at: 4, bytes: 2),
      let count = raw.number(at: 6, bytes: 2), count == sectors + 1, Int(offset) + 2 * Int(count) <= sector - 2
    else { return nil }
    let fixups = Int(offset)
    var bytes = raw
    for number in 1...sectors {
      for byte in 0..<2 {
        let end = number * sector - 2 + byte
        guard raw[end] == raw[fixups + byte] else { return nil }
        bytes[end] = raw[fixups + 2 * number + byte]
      }
    }
    return bytes
  }
}

/// A record's number, and how often it had been used when the reference was made.
struct RecordReference: Equatable {
  var number: UInt64
  var sequence: UInt64

  init(_ value: UInt64) {
    number = value & 0xffff_ffff_ffff
    sequence = value >> 48
  }
}
