extension DiskLink {
  /// Calls `body` with each range of the disk (in bytes) that this image stores or declares to be zero, in order. All
  /// other ranges come from its parent.
  public func forEachOwnRange(_ body: (Range<UInt64>) throws -> Void) rethrows {
    var pending: Range<UInt64>?
    var start: UInt64 = 0
    for part in extents {
      var position: UInt64 = 0
      while position < part.size {
        let run = part.extent.run(at: position, upTo: part.size)
        let range = start &+ position..<start &+ run.end
        position = run.end
        if case .unallocated = run.content { continue }
        if let last = pending, last.upperBound == range.lowerBound {
          pending = last.lowerBound..<range.upperBound
        } else {
          if let pending { try body(pending) }
          pending = range
        }
      }
      start &+= part.size
    }
    if let pending { try body(pending) }
  }
}
