import Bytes

/// Numbers of sectors, or a kernel log with lines such as
/// `critical medium error, dev sdc, sector 4656 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2`. All other lines of a
/// log are skipped.
struct Sectors: LineFormat {
  static let name = "sectors"

  private static let sectorSize: UInt64 = 512

  /// Whether the user said that numbers are sectors.
  private let isNamed: Bool
  /// The disk that the kernel log is about.
  private var device: [UInt8]?
  private var isEmpty = true
  private var hasSectors = false

  init(_ options: ListOptions) { isNamed = options.format == Self.name }

  static func recognizes(_ line: ListLine, _ options: ListOptions) -> Bool { !line.isAtEnd }

  mutating func read(_ line: ListLine, into list: inout RangeListBuilder) throws(ListProblem) {
    isEmpty = false
    var words = line
    var first = words.word()
    let isLabelled = first.equals("sector")
    if isLabelled { first = words.word() }
    if words.isAtEnd, let number = first.number {
      guard isNamed || isLabelled else {
        throw ListProblem(
          "a number could be a sector or a block: give --list-format sectors, or --list-format badblocks")
      }
      return try add(number, line, &list)
    }
    guard let (name, number) = try Self.failure(line) else { return }
    if let device, device != name {
      let (one, other) = (String(decoding: device, as: UTF8.self), String(decoding: name, as: UTF8.self))
      throw ListProblem("is about \(other), but lines before it are about \(one): give the lines of one disk")
    }
    device = name
    try add(number, line, &list)
  }

  private mutating func add(_ number: UInt64, _ line: ListLine, _ list: inout RangeListBuilder) throws(ListProblem) {
    hasSectors = true
    list.unit = Self.sectorSize
    try list.add(number.times(Self.sectorSize), length: Self.sectorSize, line: line.number)
  }

  /// The device and the sector in `dev NAME, sector NUMBER`; nil if the line has nothing like this.
  /// - Throws: `ListProblem` if there is no number, because the line was cut or damaged.
  private static func failure(_ line: ListLine) throws(ListProblem) -> (name: [UInt8], sector: UInt64)? {
    var words = line
    while !words.isAtEnd {
      guard words.word().equals("dev") else { continue }
      let name = words.word()
      guard name.last == UInt8(ascii: ","), words.word().equals("sector") else { continue }
      guard let number = words.word().number else {
        throw ListProblem("no number follows the word sector: the line is damaged")
      }
      return (Array(name.dropLast()), number)
    }
    return nil
  }

  mutating func finish(_ list: inout RangeListBuilder) throws(ListProblem) {
    guard isEmpty || hasSectors else {
      throw ListProblem(isNamed ? "no line names a sector" : "not a list in \(ListFormats.known)")
    }
  }
}
