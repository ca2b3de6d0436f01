/// One attribute of a file, or a part of it, in a record.
///
/// Layout: "NTFS Documentation" of the Linux-NTFS project, "Attribute Header".
struct Attribute: Sendable {
  static let list: UInt64 = 0x20
  static let fileName: UInt64 = 0x30
  static let data: UInt64 = 0x80
  static let indexRoot: UInt64 = 0x90
  static let indexAllocation: UInt64 = 0xa0
  static let reparsePoint: UInt64 = 0xc0
  static let extendedAttributes: UInt64 = 0xe0
  private static let end: UInt64 = 0xffff_ffff
  private static let headerBytes = 24
  private static let nonResidentHeaderBytes = 64
  /// The bits of the flags that say how the value is compressed, and that it is encrypted.
  private static let compressions: UInt64 = 0xff
  private static let encryption: UInt64 = 0x4000
  /// `$I30` in UTF-16: the index of a directory's entries, sorted by name.
  private static let directoryIndex: [UInt8] = [0x24, 0, 0x49, 0, 0x33, 0, 0x30, 0]

  enum Value: Equatable, Sendable {
    /// The range of the value in the record.
    case resident(Range<Int>)
    case runs(RunsHeader)
  }

  /// The header of an attribute whose value is in clusters.
  struct RunsHeader: Equatable, Sendable {
    /// The first and the last of the attribute's clusters that this part describes; `highest` is `UInt64.max` if there
    /// are none.
    var lowest: UInt64
    var highest: UInt64
    /// The range of the run list in the record.
    var list: Range<Int>
    /// In bytes, as is `initializedSize`. Only the part with the first cluster has them; in others they are zero.
    var size: UInt64
    var initializedSize: UInt64
    /// How many clusters are compressed together, as an exponent of two; 0 if none are.
    var unitPower: UInt64
  }

  var type: UInt64
  var isNamed: Bool
  /// Whether its name is that of a directory's index.
  var isDirectoryIndex: Bool
  var isCompressed: Bool
  var isEncrypted: Bool
  var value: Value

  var isEncoded: Bool { isCompressed || isEncrypted }

  /// All attributes of a record; nil if they are malformed.
  static func all(in bytes: [UInt8], from start: Int) -> [Attribute]? {
    var result: [Attribute] = []
    var offset = start
    while let type = bytes.number(at: offset, bytes: 4), type != end {
      guard let length = bytes.number(at: offset + 4, bytes: 4), length >= headerBytes, length <= bytes.count - offset,
        let attribute = Attribute(type: type, bytes, offset..<offset + Int(length))
      else { return nil }
      result.append(attribute)
      offset += Int(length)
    }
    return offset <= bytes.count - 4 ? result : nil
  }

  private init?(type: UInt64, _ bytes: [UInt8], _ range: Range<Int>) {
    guard let isNonResident = bytes.number(at: range.lowerBound + 8, bytes: 1),
      let nameLength = bytes.number(at: range.lowerBound + 9, bytes: 1),
      let nameOffset = bytes.number(at: range.lowerBound + 10, bytes: 2),
      let flags = bytes.number(at: range.lowerBound + 12, bytes: 2)
    else { return nil }
    self.type = type
    isNamed = nameLength > 0
    let name = range.lowerBound + Int(nameOffset)
    let nameEnd = name + 2 * Int(nameLength)
    isDirectoryIndex = nameEnd <= range.upperBound && bytes[name..<nameEnd].elementsEqual(Self.directoryIndex)
    isCompressed = flags & Self.compressions != 0
    isEncrypted = flags & Self.encryption != 0
    func field(_ offset: Int, _ count: Int) -> UInt64? { bytes.number(at: range.lowerBound + offset, bytes: count) }
    if isNonResident == 0 {
      guard let size = field(16, 4), let offset = field(20, 2), size <= range.count,
        Int(offset) <= range.count - Int(size)
      else { return nil }
      let start = range.lowerBound + Int(offset)
      value = .resident(start..<start + Int(size))
    } else {
      guard range.count >= Self.nonResidentHeaderBytes, let lowest = field(16, 8), let highest = field(24, 8),
        let list = field(32, 2), list >= Self.nonResidentHeaderBytes, list <= range.count, let unit = field(34, 1),
        let size = field(48, 8),
        let initialized = field(56, 8)
      else { return nil }
      value = .runs(
        RunsHeader(
          lowest: lowest, highest: highest, list: range.lowerBound + Int(list)..<range.upperBound, size: size,
          initializedSize: initialized, unitPower: unit))
    }
  }
}
