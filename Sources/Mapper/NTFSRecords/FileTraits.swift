/// What the records of a file or directory say about it as a whole.
public struct FileTraits: Equatable, Sendable {
  public var isDirectory: Bool
  /// How often the record was used before, which shows whether a name belongs to this file.
  public var sequence: UInt64
  /// How many names it has, including short names.
  public var names: UInt64
  /// What its reparse point is for; nil if it has none.
  public var reparseTag: UInt32?

  /// The tags of reparse points that stand for something else: mount points, symbolic links, and the sockets, pipes and
  /// devices of Linux. Files and directories with any other tag have their content here.
  private static let links: Set<UInt32> = [
    0xa000_0003, 0xa000_000c, 0xa000_001d, 0x8000_0023, 0x8000_0024, 0x8000_0025, 0x8000_0026,
  ]

  /// Whether it stands for something else.
  public var isLink: Bool { reparseTag.map { Self.links.contains($0) } ?? false }

  /// - Parameter number: the number of the first record.
  /// - Returns: nil if the records are malformed.
  public static func find<Source: RecordSource>(of number: UInt64, in source: inout Source) -> FileTraits? {
    guard let first = source.record(number), first.base == nil else { return nil }
    var traits = FileTraits(
      isDirectory: first.isDirectory, sequence: first.sequence, names: first.names, reparseTag: nil)
    guard
      let (record, attribute) = FileData.firstPart(
        of: Attribute.reparsePoint, isNamed: false, number, first, in: &source)
    else { return traits }
    let value: [UInt8]?
    switch attribute.value {
    case .resident(let range): value = Array(record.bytes[range].prefix(4))
    case .runs(let header):
      value = header.size < 4 ? nil : record.runs(of: header).flatMap { source.bytes(of: $0, size: 4) }
    }
    guard let tag = value?.number(at: 0, bytes: 4) else { return nil }
    traits.reparseTag = UInt32(truncatingIfNeeded: tag)
    return traits
  }
}
