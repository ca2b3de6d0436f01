import DiskImage
import DiskOverlay
import NBDKit

/// A client's view of a disk image, which is only read, and of the overlay that takes the writes.
final class ImageConnection: Connection {
  /// The size in bytes of the reads for `NBD_CMD_CACHE`.
  private static let cacheStep = 1 << 20

  private let disk: any VirtualDisk
  /// Nil if the disk cannot be written.
  private let overlay: (any Overlay)?

  init(disk: any VirtualDisk, overlay: (any Overlay)?) {
    self.disk = disk
    self.overlay = overlay
  }

  var size: UInt64 { disk.size }

  var capabilities: Capabilities {
    var capabilities = Capabilities()
    if overlay != nil {
      capabilities.canWrite = true
      capabilities.canFlush = true
      capabilities.fua = .native
      capabilities.canZero = true
      capabilities.canFastZero = true
      capabilities.canTrim = true
    }
    capabilities.canExtents = true
    // A flush covers all writes, whichever connection they came from.
    capabilities.canMultiConn = true
    capabilities.cache = .native
    // A client that has to round its reads up to blocks would touch more than it means to, so it can ask for any bytes.
    capabilities.blockSize = Capabilities.BlockSize(
      minimum: 1, preferred: 4096, maximum: UInt32(LoggedConnection.maximumBytes))
    return capabilities
  }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws {
    if let overlay { try overlay.read(into: buffer, at: offset) } else { try disk.read(into: buffer, at: offset) }
  }

  func write(_ buffer: UnsafeRawBufferPointer, at offset: UInt64, fua: Bool) throws {
    try overlay?.write(buffer, at: offset)
    if fua { try overlay?.flush() }
  }

  func zero(_ range: Range<UInt64>, mayTrim: Bool, fast: Bool, fua: Bool) throws {
    try overlay?.zero(range)
    if fua { try overlay?.flush() }
  }

  /// Trimmed ranges read as zeros.
  func trim(_ range: Range<UInt64>, fua: Bool) throws {
    try zero(range, mayTrim: true, fast: false, fua: fua)
  }

  func flush() throws { try overlay?.flush() }

  func cache(_ range: Range<UInt64>) throws {
    try withUnsafeTemporaryAllocation(byteCount: Self.cacheStep, alignment: 4096) { buffer in
      try range.forEachPart(of: UInt64(Self.cacheStep)) { step in
        try read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<step.count]), at: step.lowerBound)
      }
    }
  }

  func extents(
    in range: Range<UInt64>, one: Bool, _ body: (Range<UInt64>, ExtentState) throws -> Bool
  ) throws {
    var failure: (any Error)?
    let take = { (extent: DiskExtent) -> Bool in
      do {
        return try body(extent.range, extent.state.forNBD)
      } catch {
        failure = error
        return false
      }
    }
    if let overlay { try overlay.extents(in: range, take) } else { try disk.extents(in: range, take) }
    if let failure { throw failure }
  }
}

extension DiskExtent.State {
  fileprivate var forNBD: ExtentState {
    switch self {
    case .data: .data
    case .zero: .zero
    case .hole: .hole
    }
  }
}

extension DiskError: ErrnoError {
  public var errnoValue: Int32 { errno }
}
