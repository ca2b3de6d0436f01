public import NBDKit

/// Adapts requests for any bytes to a connection that takes only whole blocks and has a maximum request size. What is
/// assembled or copied from a disk need not begin or end at a block boundary.
public struct WholeBlocks: Sendable {
  public let connection: any Connection
  /// A power of two.
  private let block: UInt64
  /// The maximum size of a request; a multiple of `block`.
  private let maximum: UInt64

  public init(_ connection: any Connection) {
    self.connection = connection
    let size = connection.capabilities.blockSize
    block = UInt64(max(size?.minimum ?? 1, 1))
    let largest = min(UInt64(size?.maximum ?? .max), LoggedConnection.maximumBytes)
    maximum = max(largest & ~(block - 1), block)
  }

  /// The blocks that contain a range. The last block can be incomplete, at the end of the disk.
  private func blocks(of range: Range<UInt64>) -> Range<UInt64> {
    let mask = block - 1
    let size = connection.size
    let end = range.upperBound > size - min(mask, size) ? size : (range.upperBound + mask) & ~mask
    return range.lowerBound & ~mask..<max(end, range.lowerBound & ~mask)
  }

  /// - Parameter offset: on the disk, in bytes.
  public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws {
    let wanted = offset..<offset + UInt64(buffer.count)
    try blocks(of: wanted).forEachPart(of: maximum) { whole in
      let part = whole.clamped(to: wanted)
      guard !part.isEmpty else { return }
      let start = Int(part.lowerBound - offset)
      let target = UnsafeMutableRawBufferPointer(rebasing: buffer[start..<start + part.count])
      guard whole != part else { return try connection.read(into: target, at: part.lowerBound) }
      try withUnsafeTemporaryAllocation(byteCount: whole.count, alignment: 16) { blocks in
        try connection.read(into: blocks, at: whole.lowerBound)
        let skipped = Int(part.lowerBound - whole.lowerBound)
        target.copyMemory(from: UnsafeRawBufferPointer(rebasing: blocks[skipped..<skipped + part.count]))
      }
    }
  }

  /// See `Connection.extents`.
  public func extents(
    in range: Range<UInt64>, one: Bool, _ body: (Range<UInt64>, ExtentState) throws -> Bool
  ) throws {
    guard connection.capabilities.canExtents else {
      _ = try body(range, .data)
      return
    }
    try connection.extents(in: blocks(of: range), one: one) { extent, state in
      let found = extent.clamped(to: range)
      return found.isEmpty ? true : try body(found, state)
    }
  }

  public func cache(_ range: Range<UInt64>) throws { try connection.cache(blocks(of: range)) }
}
