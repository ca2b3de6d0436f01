import AccessLog
import DiskImage
import DiskOverlay
import Glibc
import NBDKit

/// A client's view of the disk: each request is logged when it has been answered.
final class LoggedDisk: Connection {
  /// What is read at a time for a client that wants it in the cache, in bytes.
  private static let cacheStep: UInt64 = 1 << 20
  /// A request without data may be of 4 GiB: it is logged in parts of so many bytes, which is what any other may have.
  private static let mostBytes: UInt64 = 32 << 20

  private let disk: any VirtualDisk
  /// Nil: the disk cannot be written.
  private let overlay: (any Overlay)?
  private let log: AccessLog
  private let number: UInt32

  /// - Parameter number: of the connection, from 1 on.
  init(disk: any VirtualDisk, overlay: (any Overlay)?, log: AccessLog, number: UInt32) {
    self.disk = disk
    self.overlay = overlay
    self.log = log
    self.number = number
  }

  var size: UInt64 { disk.size }

  var capabilities: Capabilities {
    var capabilities = Capabilities()
    if overlay != nil {
      capabilities.canWrite = true
      capabilities.canFlush = true
      capabilities.canFUA = true
      capabilities.canZero = true
      capabilities.canFastZero = true
      capabilities.canTrim = true
    }
    capabilities.canExtents = true
    // A flush is of all that was written, by whatever connection.
    capabilities.canMultiConn = true
    capabilities.cache = .native
    // A client may ask for any bytes: one that has to round its reads up would touch more than it means to.
    capabilities.blockSize = Capabilities.BlockSize(minimum: 1, preferred: 4096, maximum: UInt32(Self.mostBytes))
    return capabilities
  }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws {
    try logged(.read, offset..<offset &+ UInt64(buffer.count)) { try fill(buffer, from: offset) }
  }

  func write(_ buffer: UnsafeRawBufferPointer, at offset: UInt64, fua: Bool) throws {
    try logged(.write, offset..<offset &+ UInt64(buffer.count)) {
      try overlay?.write(buffer, at: offset)
      if fua { try overlay?.flush() }
    }
  }

  func zero(_ range: Range<UInt64>, mayTrim: Bool, fast: Bool, fua: Bool) throws {
    try zero(range, as: .zero, fua: fua)
  }

  /// What a guest does not need any more reads as zeros.
  func trim(_ range: Range<UInt64>, fua: Bool) throws {
    try zero(range, as: .trim, fua: fua)
  }

  private func zero(_ range: Range<UInt64>, as operation: Operation, fua: Bool) throws {
    try forEachPart(of: range, Self.mostBytes) { part in
      try logged(operation, part) {
        try overlay?.zero(part)
        if fua, part.upperBound == range.upperBound { try overlay?.flush() }
      }
    }
  }

  private func forEachPart(
    of range: Range<UInt64>, _ size: UInt64, _ body: (Range<UInt64>) throws -> Void
  ) rethrows {
    var start = range.lowerBound
    while start < range.upperBound {
      let end = start + min(size, range.upperBound - start)
      try body(start..<end)
      start = end
    }
  }

  func flush() throws {
    try logged(.flush, 0..<0) { try overlay?.flush() }
  }

  func cache(_ range: Range<UInt64>) throws {
    try withUnsafeTemporaryAllocation(byteCount: Int(Self.cacheStep), alignment: 4096) { buffer in
      try forEachPart(of: range, Self.mostBytes) { part in
        try logged(.cache, part) {
          try forEachPart(of: part, Self.cacheStep) { step in
            try fill(UnsafeMutableRawBufferPointer(rebasing: buffer[..<step.count]), from: step.lowerBound)
          }
        }
      }
    }
  }

  func extents(in range: Range<UInt64>, one: Bool, into list: borrowing ExtentList) throws {
    var failure: (any Error)?
    try forEachExtent(of: range) { extent in
      do {
        return try list.add(extent.range, state: extent.state.forNBD)
      } catch {
        failure = error
        return false
      }
    }
    if let failure { throw failure }
  }

  private func forEachExtent(of range: Range<UInt64>, _ body: (DiskExtent) -> Bool) throws(DiskError) {
    if let overlay { try overlay.extents(in: range, body) } else { try disk.extents(in: range, body) }
  }

  private func fill(_ buffer: UnsafeMutableRawBufferPointer, from offset: UInt64) throws(DiskError) {
    if let overlay { try overlay.read(into: buffer, at: offset) } else { try disk.read(into: buffer, at: offset) }
  }

  private func logged(_ operation: Operation, _ range: Range<UInt64>, _ body: () throws -> Void) throws {
    let began = MonotonicTime.now()
    var event = AccessEvent(
      operation: operation, disk: 1, connection: number, range: range, time: began, latency: 0, errno: 0)
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
