/// A range of a disk whose bytes are all in the same state.
public struct DiskExtent: Equatable, Sendable {
  /// What a client can know about a range without reading it.
  public enum State: Equatable, Sendable {
    /// The bytes are stored, and must be read.
    case data
    /// Reads as zeros, because the image says so explicitly.
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

/// Merges adjacent extents that have the same state, so that `VirtualDisk.extents` reports them as one.
package struct ExtentJoiner {
  private var pending: DiskExtent?

  package init() {}

  /// Adds a range, which must start where the previous one ended.
  /// - Returns: false if `body` does not want any more extents.
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

  /// Passes the last extent to `body`. Do not call this after `body` has returned false.
  package mutating func finish(_ body: (DiskExtent) throws(DiskError) -> Bool) throws(DiskError) {
    if let last = pending {
      pending = nil
      _ = try body(last)
    }
  }
}
