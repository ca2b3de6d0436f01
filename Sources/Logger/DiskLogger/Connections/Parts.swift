extension Range<UInt64> {
  /// Calls `body` with parts of at most `size` bytes, in order.
  func forEachPart(of size: UInt64, _ body: (Range<UInt64>) throws -> Void) rethrows {
    var start = lowerBound
    while start < upperBound {
      let end = start + Swift.min(size, upperBound - start)
      try body(start..<end)
      start = end
    }
  }
}
