import AccessLog

/// The part of a line that blkparse and the kernel's tracepoints have in common.
struct BlockRange {
  var operation: Operation?
  /// In bytes of the disk. Empty if the line has none.
  var range: Range<UInt64> = 0..<0

  /// Reads the letters of the operation, and `SECTOR + COUNT` with what stands before it.
  /// - Throws: `TraceProblem` if the numbers are none, or do not fit.
  @inline(__always)
  init(_ line: inout TraceLine) throws(TraceProblem) {
    let letters = line.word()
    let hasBytes = try read(&line)
    operation = BlockRequests.operation(letters, hasBytes: hasBytes)
  }

  /// - Returns: whether there are bytes. If there is no range at all, the line is still before what follows the letters.
  @inline(__always)
  private mutating func read(_ line: inout TraceLine) throws(TraceProblem) -> Bool {
    // With tracepoints, the size and a command in parentheses stand before the sector.
    let start = line
    while !line.isAtEnd {
      let sector = line.number()
      line.skipBlanks()
      guard line.skip(UInt8(ascii: "+")) else {
        if sector == nil { _ = line.word() }
        continue
      }
      guard let count = line.number() else { throw TraceProblem("no number of sectors after the +") }
      guard count > 0 else { return false }
      guard let range = byteRange(sector: sector, count: count) else {
        throw TraceProblem("the sectors are not numbers that fit in 64 bits")
      }
      self.range = range
      return true
    }
    line = start
    return false
  }
}

/// The error in brackets at the end of a completion, such as `[0]`, `[-5]` or, in two's complement of 16 bits,
/// `[65531]`; nil if there is none.
func blockError(_ line: inout TraceLine) -> Int32? {
  while case let word = line.word(), !word.isEmpty {
    guard word.first == UInt8(ascii: "["), word.ends(with: UInt8(ascii: "]")) else { continue }
    return UnsafeRawBufferPointer(rebasing: word.dropFirst().dropLast()).signed.flatMap(blockErrno)
  }
  return nil
}

/// The errno for an error as a trace has it; nil if it can be none.
func blockErrno(_ error: Int64) -> Int32? {
  let value = error > 0x7fff ? 0x10000 - error : abs(error)
  return (0...4095).contains(value) ? Int32(value) : nil
}
