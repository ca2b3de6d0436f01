/// A range of a disk whose bytes are all in the same state.
public struct DiskExtent: Equatable, Sendable {
  /// What a client may know of a range without reading it.
  public enum State: Equatable, Sendable {
    /// Stored bytes: they have to be read.
    case data
    /// Reads as zeros, and the image says so explicitly.
    case zero
    /// Reads as zeros because nothing was ever stored there.
    case hole
  }

  /// In bytes from the start of the disk. Not empty.
  public let range: Range<UInt64>
  public let state: State

  public init(range: Range<UInt64>, state: State) {
    self.range = range
    self.state = state
  }
}

/// Joins neighbouring extents of one state, so that `VirtualDisk.extents` reports each only once.
package struct ExtentJoiner {
  private var pending: DiskExtent?

  package init() {}

  /// Adds the range that follows the last one.
  /// - Returns: false when `body` wants no more.
  package mutating func add(
    _ range: Range<UInt64>, _ state: DiskExtent.State, to body: (DiskExtent) throws(DiskError) -> Bool
  ) throws(DiskError) -> Bool {
    guard !range.isEmpty else { return true }
    guard let last = pending else {
      pending = DiskExtent(range: range, state: state)
      return true
    }
    if last.state == state {
      pending = DiskExtent(range: last.range.lowerBound..<range.upperBound, state: state)
      return true
    }
    pending = DiskExtent(range: range, state: state)
    return try body(last)
  }

  /// Hands out the last extent. Not to be called after `body` returned false.
  package mutating func finish(_ body: (DiskExtent) throws(DiskError) -> Bool) throws(DiskError) {
    if let last = pending {
      pending = nil
      _ = try body(last)
    }
  }
}
