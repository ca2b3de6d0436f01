import AccessLog
import DiskImage
import NBDKit

/// A client's view of the disk: each read is logged as it comes.
final class LoggedDisk: Connection {
  private let disk: any VirtualDisk
  private let log: AccessLog

  init(disk: any VirtualDisk, log: AccessLog) {
    self.disk = disk
    self.log = log
  }

  var size: UInt64 { disk.size }

  var capabilities: Capabilities {
    var capabilities = Capabilities()
    capabilities.canExtents = true
    capabilities.canMultiConn = true
    // A client may ask for any bytes: one that has to round its reads up would touch more than it means to.
    capabilities.blockSize = Capabilities.BlockSize(minimum: 1, preferred: 4096, maximum: 32 << 20)
    return capabilities
  }

  /// The read is logged before it is done: what is asked for says what the guest is up to, even if it fails.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws {
    let (end, overflow) = offset.addingReportingOverflow(UInt64(buffer.count))
    if !overflow { log.record(AccessEvent(operation: .read, disk: 1, range: offset..<end)) }
    try disk.read(into: buffer, at: offset)
  }

  func extents(in range: Range<UInt64>, one: Bool, into list: borrowing ExtentList) throws {
    var failure: (any Error)?
    try disk.extents(in: range) { extent in
      do {
        return try list.add(extent.range, state: extent.state.forNBD)
      } catch {
        failure = error
        return false
      }
    }
    if let failure { throw failure }
  }
}

extension DiskExtent.State {
  fileprivate var forNBD: ExtentList.State {
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
