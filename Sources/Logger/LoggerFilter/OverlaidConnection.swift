import NBDKit

/// A client's view of a disk with the overlay that all clients share. The plugin's disk is read through the client's
/// own connection.
final class OverlaidConnection: Connection {
  private let overlaid: any Connection
  private let disk: ClientsDisk
  private let next: NextDisk

  init(_ overlaid: any Connection, over disk: ClientsDisk, through next: NextDisk) {
    self.overlaid = overlaid
    self.disk = disk
    self.next = next
  }

  var size: UInt64 { overlaid.size }
  var capabilities: Capabilities { overlaid.capabilities }
  var exportDescription: String { overlaid.exportDescription }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws {
    try disk.through(next) { try overlaid.read(into: buffer, at: offset) }
  }

  func write(_ buffer: UnsafeRawBufferPointer, at offset: UInt64, fua: Bool) throws {
    try disk.through(next) { try overlaid.write(buffer, at: offset, fua: fua) }
  }

  func zero(_ range: Range<UInt64>, mayTrim: Bool, fast: Bool, fua: Bool) throws {
    try disk.through(next) { try overlaid.zero(range, mayTrim: mayTrim, fast: fast, fua: fua) }
  }

  func trim(_ range: Range<UInt64>, fua: Bool) throws {
    try disk.through(next) { try overlaid.trim(range, fua: fua) }
  }

  func flush() throws { try disk.through(next) { try overlaid.flush() } }

  func cache(_ range: Range<UInt64>) throws { try disk.through(next) { try overlaid.cache(range) } }

  func extents(
    in range: Range<UInt64>, one: Bool, _ body: (Range<UInt64>, ExtentState) throws -> Bool
  ) throws {
    try disk.through(next) { try overlaid.extents(in: range, one: one, body) }
  }

  func close() { overlaid.close() }
}
