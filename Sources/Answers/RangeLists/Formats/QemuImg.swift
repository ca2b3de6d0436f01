import Bytes

/// What `qemu-img map --output=json` prints: the parts that are in the image itself (depth 0) and not in a backing file.
struct QemuImg: JSONFormat {
  static let name = "qemu-img"

  init(_ options: ListOptions) {}

  static func recognizes(_ record: JSONRecord) -> Bool { record[.start] != nil && record[.depth] != nil }

  mutating func read(_ record: JSONRecord, into list: inout RangeListBuilder) throws(ListProblem) {
    let (start, length) = (try record.number(.start), try record.number(.length))
    let (depth, isData) = (try record.number(.depth), try record.isTrue(.data))
    // Versions before 6.1 do not say whether a part is present.
    let isPresent = record[.present] == nil ? false : try record.isTrue(.present)
    // The size of a raw image is rounded up to sectors.
    list.unit = 512
    list.describedEnd = start.plus(length)
    if depth == 0, isData || isPresent { try list.add(start, length: length, line: record.line) }
  }
}
