/// Some bytes of a file that are in a record, and where in the file they belong.
public struct ResidentPart: Equatable, Sendable {
  /// The offset in the record, in bytes.
  public var recordOffset: Int
  /// In bytes.
  public var length: Int
  /// The offset in the file, in bytes.
  public var offset: Int

  public init(recordOffset: Int, length: Int, offset: Int) {
    (self.recordOffset, self.length, self.offset) = (recordOffset, length, offset)
  }
}

extension FileRecord {
  /// Where a range of the record is on the disk: what belongs at the end of a sector is in the array of fixups.
  func parts(of range: Range<Int>) -> [ResidentPart] {
    var parts: [ResidentPart] = []
    func add(_ offset: Int, _ length: Int, at position: Int) {
      guard length > 0 else { return }
      parts.append(ResidentPart(recordOffset: offset, length: length, offset: position - range.lowerBound))
    }
    var position = range.lowerBound
    for number in 1...max(1, bytes.count / Self.sector) {
      let fixed = number * Self.sector - 2..<number * Self.sector
      guard fixed.overlaps(range) else { continue }
      let common = fixed.clamped(to: range)
      add(position, common.lowerBound - position, at: position)
      add(fixups + 2 * number + common.lowerBound - fixed.lowerBound, common.count, at: common.lowerBound)
      position = common.upperBound
    }
    add(position, range.upperBound - position, at: position)
    return parts
  }
}
