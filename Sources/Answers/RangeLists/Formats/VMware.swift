import Bytes

/// VMware's DiskChangeInfo, as QueryChangedDiskAreas returns it: an object with the changed areas of a part of the disk.
/// A long list is several such objects, which follow each other from the start of the disk.
struct VMware: JSONFormat {
  static let name = "vmware"

  init(_ options: ListOptions) {}

  static func recognizes(_ record: JSONRecord) -> Bool { record.array == .changedArea || record[.startOffset] != nil }

  mutating func read(_ record: JSONRecord, into list: inout RangeListBuilder) throws(ListProblem) {
    if record.array == .changedArea {
      return try list.add(try record.number(.start), length: try record.number(.length), line: record.line)
    }
    guard record[.startOffset] != nil else { return }
    let (start, length) = (try record.number(.startOffset), try record.number(.length))
    let last = list.describedEnd ?? 0
    guard start == last else {
      throw ListProblem("\"startOffset\" is \(start), but the page before it ends at \(last): give all pages in order")
    }
    guard let end = start.plus(length) else { throw ListProblem("the described part does not fit in 64 bits") }
    list.describedEnd = end
  }
}
