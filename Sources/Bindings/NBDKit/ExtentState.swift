import CNBDKit

/// What a client can learn about a range without reading it.
public enum ExtentState: Sendable {
  /// Allocated; can hold any bytes.
  case data
  /// Allocated; known to read as zeros.
  case zero
  /// Not allocated; reads as zeros.
  case hole

  var flags: UInt32 {
    switch self {
    case .data: 0
    case .zero: UInt32(NBDKIT_EXTENT_ZERO)
    case .hole: UInt32(NBDKIT_EXTENT_HOLE | NBDKIT_EXTENT_ZERO)
    }
  }

  init(flags: UInt32) {
    let isHole = flags & UInt32(NBDKIT_EXTENT_HOLE) != 0
    // A hole does not necessarily read as zeros.
    self = flags & UInt32(NBDKIT_EXTENT_ZERO) == 0 ? .data : isHole ? .hole : .zero
  }
}
