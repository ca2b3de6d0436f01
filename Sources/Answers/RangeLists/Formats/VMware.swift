import Bytes

/// VMware's DiskChangeInfo, as QueryChangedDiskAreas returns it: an object with the changed areas of a part of the disk.
/// A long list is several such objects.
struct VMware: JSONFormat {
  static let name = "vmware"

  init(_ options: ListOptions) {}

  static func recognizes(_ record: JSONRecord) -> Bool { record.array == .changedArea || record[.startOffset] != nil }

  mutating func read(_ record: JSONRecord, into list: inout RangeListBuilder) throws(ListProblem) {
    if record.array == .changedArea {
      return try list.add(try record.number(.start), length: try record.number(.length), line: record.line)
    }
    guard record[.startOffset] != nil else { return }
    guard let end = try record.number(.startOffset).plus(try record.number(.length)) else {
      throw ListProblem("the described part does not fit in 64 bits")
    }
    list.describedEnd = max(list.describedEnd ?? 0, end)
  }
}
