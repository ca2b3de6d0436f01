import AccessLog
import DiskImage
import Glibc
import NBDKit

/// A client's view of the disk: each request is logged when it has been answered.
final class LoggedDisk: Connection {
  /// What is read at a time for a client that wants it in the cache, in bytes.
  private static let cacheStep = 1 << 20

  private let disk: any VirtualDisk
  private let log: AccessLog
  private let number: UInt32

  /// - Parameter number: of the connection, from 1 on.
  init(disk: any VirtualDisk, log: AccessLog, number: UInt32) {
    self.disk = disk
    self.log = log
    self.number = number
  }

  var size: UInt64 { disk.size }

  var capabilities: Capabilities {
    var capabilities = Capabilities()
    capabilities.canExtents = true
    capabilities.canMultiConn = true
    capabilities.cache = .native
    // A client may ask for any bytes: one that has to round its reads up would touch more than it means to.
    capabilities.blockSize = Capabilities.BlockSize(minimum: 1, preferred: 4096, maximum: 32 << 20)
    return capabilities
  }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws {
    try logged(.read, offset, buffer.count) { try disk.read(into: buffer, at: offset) }
  }

  func cache(_ range: Range<UInt64>) throws {
    try logged(.cache, range.lowerBound, range.count) {
      try withUnsafeTemporaryAllocation(byteCount: min(range.count, Self.cacheStep), alignment: 4096) { buffer in
        for start in stride(from: range.lowerBound, to: range.upperBound, by: Self.cacheStep) {
          let part = UnsafeMutableRawBufferPointer(
            rebasing: buffer[..<Int(min(UInt64(buffer.count), range.upperBound - start))])
          try disk.read(into: part, at: start)
        }
      }
    }
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

  private func logged(_ operation: Operation, _ offset: UInt64, _ count: Int, _ body: () throws -> Void) throws {
    let began = MonotonicTime.now()
    var event = AccessEvent(
      operation: operation, disk: 1, connection: number, range: offset..<offset &+ UInt64(count), time: began,
      latency: 0, errno: 0)
    defer {
      event.latency = MonotonicTime.now().since(began)
      log.record(event)
    }
    do {
      try body()
    } catch {
      event.errno = (error as? any ErrnoError)?.errnoValue ?? EIO
      throw error
    }
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
