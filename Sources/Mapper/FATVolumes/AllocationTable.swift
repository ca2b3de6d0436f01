/// Reads entries of a file allocation table, and keeps the part that was read last.
package struct AllocationTable {
  package let clusters: Clusters
  /// What is read at once, in bytes. It is a multiple of any sector.
  private static let windowBytes: UInt64 = 64 << 10
  private var window: (start: UInt64, bytes: [UInt8]) = (0, [])

  package init(_ clusters: Clusters) { self.clusters = clusters }

  /// The clusters of a chain, in order.
  /// - Parameters:
  ///   - limit: the most clusters to return. A damaged chain may never end.
  ///   - read: reads a range of the device, in bytes. It may return less.
  package mutating func chain(
    from first: UInt64, limit: UInt64, _ read: (Range<UInt64>) throws -> [UInt8]
  ) rethrows -> [UInt64] {
    var chain: [UInt64] = []
    var next = clusters.exists(first) ? first : nil
    while let number = next, UInt64(chain.count) < limit {
      chain.append(number)
      next = try self.next(after: number, read)
    }
    return chain
  }

  /// The cluster that follows another in its chain; nil at the end, or if the entry cannot be read.
  /// - Parameter number: of a cluster that exists.
  package mutating func next(
    after number: UInt64, _ read: (Range<UInt64>) throws -> [UInt8]
  ) rethrows -> UInt64? {
    let bit = number * clusters.entry.size
    let offset = clusters.table + bit / 8
    var entry: UInt64 = 0
    for index in 0..<(clusters.entry.size + 7) / 8 {
      guard let byte = try byte(at: offset + index, read) else { return nil }
      entry |= UInt64(byte) << (8 * index)
    }
    // Two entries of FAT12 take three bytes.
    let next = entry >> (bit % 8) & clusters.mask
    return clusters.exists(next) ? next : nil
  }

  private mutating func byte(
    at offset: UInt64, _ read: (Range<UInt64>) throws -> [UInt8]
  ) rethrows -> UInt8? {
    let start = offset - offset % Self.windowBytes
    if window.bytes.isEmpty || window.start != start {
      window = (start, try read(start..<start + Self.windowBytes))
    }
    let index = Int(offset - start)
    return index < window.bytes.count ? window.bytes[index] : nil
  }
}
