/// Ranges of a disk, as another program listed them.
package struct RangeList: Equatable {
  /// The name of the format; nil for a list that has nothing in it.
  package var format: String?
  /// How many ranges the list names, before any are joined.
  package var count = 0
  /// In bytes of the disk: sorted, with gaps between them.
  package var ranges: [Range<UInt64>] = []
  /// What the list counts in, in bytes. The end of the list may differ from that of the disk by less than this.
  var unit: UInt64 = 1
  /// Where the last range ends, in bytes, and the line that says so.
  var end: UInt64 = 0
  var lineOfEnd = 0
  /// Where the part of the disk ends that the list describes, in bytes; nil if it does not say.
  var describedEnd: UInt64?

  /// Checks that the ranges lie on the disk, and cuts the last one to its end.
  /// - Parameter size: the size of the disk in bytes.
  /// - Throws: `ListError` if the list cannot be about this disk.
  package mutating func fit(toDiskOf size: UInt64) throws(ListError) {
    if end > size, end - size >= unit {
      throw ListError(
        line: lineOfEnd,
        "the range ends at byte \(end), but the disk has \(size) bytes: give the list of this disk, or choose with --disk"
      )
    }
    if let describedEnd, describedEnd < size, size - describedEnd >= unit {
      throw ListError(
        "describes only \(describedEnd) of the \(size) bytes of the disk: add what is missing, or choose with --disk")
    }
    if let describedEnd, describedEnd > size, describedEnd - size >= unit {
      throw ListError(
        "describes \(describedEnd) bytes, but the disk has \(size): give the list of this disk, or choose with --disk")
    }
    while let last = ranges.last, last.upperBound > size {
      ranges.removeLast()
      if last.lowerBound < size { ranges.append(last.lowerBound..<size) }
    }
  }
}

/// Why a list cannot be read. The description says it without the name of the file.
package struct ListError: Error, Equatable, CustomStringConvertible {
  package let description: String

  /// - Parameter line: the number of the line, from 1.
  init(line: Int, _ reason: String) { description = "line \(line): \(reason)" }

  init(_ reason: String) { description = reason }
}

/// What is wrong with a line or an object of a list.
struct ListProblem: Error {
  let reason: String

  init(_ reason: String) { self.reason = reason }
}
