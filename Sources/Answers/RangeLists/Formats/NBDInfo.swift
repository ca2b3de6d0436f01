import Bytes

/// The extents that `nbdinfo --map` prints, for the metadata contexts base:allocation, qemu:dirty-bitmap and
/// qemu:allocation-depth. The description says which context it is.
///
/// They cover the whole export, from offset 0 to its end.
struct NBDInfo {
  static let name = "nbdinfo"

  /// Where the last extent ended.
  private var end: UInt64 = 0

  mutating func add(
    _ offset: UInt64, length: UInt64, description: some Collection<UInt8>, line: Int, to list: inout RangeListBuilder
  ) throws(ListProblem) {
    let isTaken = try Self.takes(description)
    guard offset == end else {
      throw ListProblem("the extent begins at byte \(offset), not at \(end): a part of nbdinfo's output is missing")
    }
    guard let next = offset.plus(length) else { throw ListProblem("the range does not fit in 64 bits") }
    end = next
    list.describedEnd = next
    list.unit = 512
    if isTaken { try list.add(offset, length: length, line: line) }
  }

  /// Whether to take an extent: what is dirty, allocated, or local to the image.
  private static func takes(_ description: some Collection<UInt8>) throws(ListProblem) -> Bool {
    switch String(decoding: description.prefix(40), as: UTF8.self) {
    case "data", "zero", "dirty", "local": return true
    case "hole", "hole,zero", "clean", "absent", "unallocated": return false
    case let text where text.hasPrefix("backing depth "): return false
    default:
      throw ListProblem(
        "an extent that is not described as base:allocation, qemu:dirty-bitmap or qemu:allocation-depth do")
    }
  }
}

/// Lines with the offset, the length, the type and its description.
struct NBDInfoText: LineFormat {
  static let name = NBDInfo.name

  private var extents = NBDInfo()

  init(_ options: ListOptions) {}

  static func recognizes(_ line: ListLine, _ options: ListOptions) -> Bool {
    var line = line
    for _ in 0..<3 { guard line.word().decimal != nil else { return false } }
    return !line.isAtEnd
  }

  mutating func read(_ line: ListLine, into list: inout RangeListBuilder) throws(ListProblem) {
    var line = line
    guard let offset = line.word().decimal, let length = line.word().decimal, line.word().decimal != nil else {
      throw ListProblem("not an extent: offset, length, type and description")
    }
    var description = Array(line.word())
    while !line.isAtEnd { description += [0x20] + line.word() }
    try extents.add(offset, length: length, description: description, line: line.number, to: &list)
  }
}

/// An array of objects with the same.
struct NBDInfoJSON: JSONFormat {
  static let name = NBDInfo.name

  private var extents = NBDInfo()

  init(_ options: ListOptions) {}

  static func recognizes(_ record: JSONRecord) -> Bool { record[.offset] != nil && record[.type] != nil }

  mutating func read(_ record: JSONRecord, into list: inout RangeListBuilder) throws(ListProblem) {
    let (offset, length) = (try record.number(.offset), try record.number(.length))
    guard case .text(let description) = record[.description] else { throw ListProblem("no \"description\"") }
    try extents.add(offset, length: length, description: description, line: record.line, to: &list)
  }
}
