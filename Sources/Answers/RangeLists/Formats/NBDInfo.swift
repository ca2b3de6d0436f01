/// The extents that `nbdinfo --map` prints, for the metadata contexts base:allocation, qemu:dirty-bitmap and
/// qemu:allocation-depth. The description says which context it is.
enum NBDInfo {
  static let name = "nbdinfo"

  /// Whether to take an extent: what is dirty, allocated, or local to the image.
  static func takes(_ description: some Collection<UInt8>) throws(ListProblem) -> Bool {
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
    list.unit = 512
    if try NBDInfo.takes(description) { try list.add(offset, length: length, line: line.number) }
  }
}

/// An array of objects with the same.
struct NBDInfoJSON: JSONFormat {
  static let name = NBDInfo.name

  init(_ options: ListOptions) {}

  static func recognizes(_ record: JSONRecord) -> Bool { record[.offset] != nil && record[.type] != nil }

  mutating func read(_ record: JSONRecord, into list: inout RangeListBuilder) throws(ListProblem) {
    let (offset, length) = (try record.number(.offset), try record.number(.length))
    guard case .text(let description) = record[.description] else { throw ListProblem("no \"description\"") }
    list.unit = 512
    if try NBDInfo.takes(description) { try list.add(offset, length: length, line: record.line) }
  }
}
