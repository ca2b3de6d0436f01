public import DiskImage
import Glibc

/// Finds which parts of the disk are in the snapshot, and reads them from there or from the base disk.
extension VMDKOverlay {
  /// How a run of the disk is stored.
  enum RunKind {
    /// Not in the snapshot.
    case absent
    /// Zeros, which take no space.
    case zeroed
    /// Contiguous in the file, starting at this offset (in bytes).
    case stored(at: UInt64)
  }

  public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(DiskError) {
    try check(offset, buffer.count)
    try forEachRun(of: offset..<offset + UInt64(buffer.count)) { (range, kind) throws(DiskError) in
      let start = Int(range.lowerBound - offset)
      let part = UnsafeMutableRawBufferPointer(rebasing: buffer[start..<start + range.count])
      switch kind {
      case .absent: try base.read(into: part, at: range.lowerBound)
      case .zeroed: part.initializeMemory(as: UInt8.self, repeating: 0)
      case .stored(let fileOffset): try file.read(into: part, at: fileOffset)
      }
      return true
    }
  }

  public func extents(in range: Range<UInt64>, _ body: (DiskExtent) throws(DiskError) -> Bool) throws(DiskError) {
    try check(range.lowerBound, range.count)
    try forEachRun(of: range) { (range, kind) throws(DiskError) in
      switch kind {
      case .zeroed: return try body(DiskExtent(range: range, state: .zero))
      case .absent:
        var isWanted = true
        try base.extents(in: range) { (extent) throws(DiskError) in
          isWanted = try body(extent)
          return isWanted
        }
        return isWanted
      case .stored(let fileOffset):
        return try file.forEachPart(
          of: fileOffset..<fileOffset + UInt64(range.count), length: snapshot.room.length
        ) { (part, isHole) throws(DiskError) in
          let start = range.lowerBound + (part.lowerBound - fileOffset)
          return try body(DiskExtent(range: start..<start + UInt64(part.count), state: isHole ? .hole : .data))
        }
      }
    }
  }

  public func forEachWrittenRange(_ body: (Range<UInt64>) -> Void) {
    var grain = 0
    while grain < entries.count {
      let start = grain
      while grain < entries.count, entries[grain] != GrainEntries.absent { grain += 1 }
      if grain > start { body(range(ofGrain: start).lowerBound..<range(ofGrain: grain - 1).upperBound) }
      while grain < entries.count, entries[grain] == GrainEntries.absent { grain += 1 }
    }
  }

  /// The range of the disk that a grain covers, in bytes. The last grain may be shorter than the others.
  func range(ofGrain grain: Int) -> Range<UInt64> {
    let start = UInt64(grain) * snapshot.grainBytes
    return start..<min(start + snapshot.grainBytes, size)
  }

  /// The offset in the file of a byte of the disk.
  /// - Parameter sector: the sector of its grain.
  func fileOffset(of offset: UInt64, _ sector: UInt32) -> UInt64 { UInt64(sector) * 512 + offset % snapshot.grainBytes }

  /// Calls `body` with the parts of a range that are stored in one way, until it returns false.
  func forEachRun(
    of range: Range<UInt64>, _ body: (Range<UInt64>, RunKind) throws(DiskError) -> Bool
  ) throws(DiskError) {
    var position = range.lowerBound
    while position < range.upperBound {
      let first = Int(position / snapshot.grainBytes)
      let last = Int((range.upperBound - 1) / snapshot.grainBytes)
      let run = entries.run(
        in: first..<last + 1, step: UInt32(truncatingIfNeeded: snapshot.grainBytes / 512))
      let end = min(UInt64(first + run.count) * snapshot.grainBytes, range.upperBound)
      let kind: RunKind =
        switch run.entry {
        case GrainEntries.absent: .absent
        case GrainEntries.zeroed: .zeroed
        default: .stored(at: fileOffset(of: position, run.entry))
        }
      guard try body(position..<end, kind) else { return }
      position = end
    }
  }

  func forEachGrain(
    of range: Range<UInt64>, _ body: (Range<UInt64>) throws(DiskError) -> Void
  ) throws(DiskError) {
    var position = range.lowerBound
    while position < range.upperBound {
      let end = min((position / snapshot.grainBytes + 1) * snapshot.grainBytes, range.upperBound)
      try body(position..<end)
      position = end
    }
  }
}
