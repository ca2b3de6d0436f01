import AccessLog
import Glibc
import NBDKit

/// A client's view of a disk. Each request is logged when it has been answered.
final class LoggedConnection: Connection {
  /// A request without data can have up to 4 GiB. It is logged in parts of this many bytes, the maximum of other
  /// requests.
  static let maximumBytes: UInt64 = 32 << 20

  private let disk: any Connection
  private let log: AccessLog
  private let diskNumber: UInt8
  private let number: UInt32

  /// - Parameters:
  ///   - disk: the connection that answers.
  ///   - diskNumber: the disk's number in the map, counted from 1.
  ///   - number: the connection's number, counted from 1.
  ///   - description: of the export.
  init(_ disk: any Connection, log: AccessLog, diskNumber: UInt8, number: UInt32, description: String) {
    exportDescription = description
    self.disk = disk
    self.log = log
    self.diskNumber = diskNumber
    self.number = number
    size = disk.size
    capabilities = disk.capabilities
  }

  let size: UInt64
  let capabilities: Capabilities
  let exportDescription: String

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws {
    try logged(.read, offset..<offset &+ UInt64(buffer.count)) { try disk.read(into: buffer, at: offset) }
  }

  func write(_ buffer: UnsafeRawBufferPointer, at offset: UInt64, fua: Bool) throws {
    try logged(.write, offset..<offset &+ UInt64(buffer.count)) { try disk.write(buffer, at: offset, fua: fua) }
  }

  func zero(_ range: Range<UInt64>, mayTrim: Bool, fast: Bool, fua: Bool) throws {
    try inParts(.zero, range) { part in
      try disk.zero(part, mayTrim: mayTrim, fast: fast, fua: fua && isEnough(part, of: range))
    }
  }

  func trim(_ range: Range<UInt64>, fua: Bool) throws {
    try inParts(.trim, range) { try disk.trim($0, fua: fua && isEnough($0, of: range)) }
  }

  func flush() throws {
    try logged(.flush, 0..<0) { try disk.flush() }
  }

  func cache(_ range: Range<UInt64>) throws {
    try inParts(.cache, range) { try disk.cache($0) }
  }

  func extents(
    in range: Range<UInt64>, one: Bool, _ body: (Range<UInt64>, ExtentState) throws -> Bool
  ) throws {
    try disk.extents(in: range, one: one, body)
  }

  func close() { disk.close() }

  /// If FUA is emulated with a flush, one flush after the last part is enough.
  private func isEnough(_ part: Range<UInt64>, of range: Range<UInt64>) -> Bool {
    capabilities.fua == .native || part.upperBound == range.upperBound
  }

  private func inParts(
    _ operation: Operation, _ range: Range<UInt64>, _ body: (Range<UInt64>) throws -> Void
  ) throws {
    try range.forEachPart(of: Self.maximumBytes) { part in try logged(operation, part) { try body(part) } }
  }

  private func logged(_ operation: Operation, _ range: Range<UInt64>, _ body: () throws -> Void) throws {
    let began = MonotonicTime.now()
    var event = AccessEvent(
      operation: operation, disk: diskNumber, connection: number, range: range, time: began, latency: 0, errno: 0)
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
