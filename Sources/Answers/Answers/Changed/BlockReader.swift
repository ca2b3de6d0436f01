import DiskImage

/// Reads a disk from its start to its end in large blocks, for callers that ask for small parts.
struct BlockReader {
  private static let blockBytes: UInt64 = 256 << 10

  private let disk: any VirtualDisk
  /// What is in memory, in bytes of the disk.
  private var block: Range<UInt64> = 0..<0
  private var bytes: [UInt8]

  init(_ disk: any VirtualDisk) {
    self.disk = disk
    bytes = [UInt8](repeating: 0, count: Int(Self.blockBytes))
  }

  /// Reads the block with a byte of the disk, unless it is in memory.
  /// - Returns: how many bytes from there on are in memory: at least one.
  /// - Throws: `DiskError`.
  mutating func load(at offset: UInt64) throws -> UInt64 {
    if !block.contains(offset) {
      let start = offset - offset % Self.blockBytes
      let end = min(start &+ Self.blockBytes, max(disk.size, offset &+ 1))
      block = 0..<0
      let disk = disk
      try bytes.withUnsafeMutableBytes { buffer in
        try disk.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(end - start)]), at: start)
      }
      block = start..<end
    }
    return block.upperBound - offset
  }

  /// Calls `body` with bytes that are in memory.
  func withLoaded<R>(_ range: Range<UInt64>, _ body: (UnsafeRawBufferPointer) -> R) -> R {
    let part = range.clamped(to: block)
    return bytes.withUnsafeBytes { bytes in
      let start = Int(part.lowerBound - block.lowerBound)
      return body(UnsafeRawBufferPointer(rebasing: bytes[start..<start + Int(part.upperBound - part.lowerBound)]))
    }
  }
}
