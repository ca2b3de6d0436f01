import CNBDKit

/// Collects the answer to a block status request.
public struct ExtentList: ~Copyable {
  /// What a client may know of a range without reading it.
  public enum State: Sendable {
    /// Allocated, any bytes.
    case data
    /// Allocated, known to read as zeros.
    case zero
    /// Not allocated, reads as zeros.
    case hole

    var flags: UInt32 {
      switch self {
      case .data: 0
      case .zero: UInt32(NBDKIT_EXTENT_ZERO)
      case .hole: UInt32(NBDKIT_EXTENT_HOLE | NBDKIT_EXTENT_ZERO)
      }
    }
  }

  let list: OpaquePointer
  /// The end of the client's request; extents beyond it are no use.
  let end: UInt64
  let one: Bool

  /// Adds a range that follows the one before. False: the client has enough.
  public borrowing func add(_ range: Range<UInt64>, state: State) throws -> Bool {
    guard !range.isEmpty else { return true }
    guard nbdkit_add_extent(list, range.lowerBound, range.upperBound - range.lowerBound, state.flags) == 0 else {
      throw PluginError(errno: .inputOutput, "nbdkit took no extent at offset \(range.lowerBound)")
    }
    return !one && range.upperBound < end
  }
}
