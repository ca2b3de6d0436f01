import Bytes

/// A B-tree file of HFS+, of which the leaf nodes are read in their order.
struct HFSPlusTree<Device: DeviceBytes> {
  /// In bytes of the device, with the end of each in the file.
  private let pieces: [(end: UInt64, range: Range<UInt64>)]
  private let device: BufferedBytes<Device>
  private let nodeSize: UInt64
  private let firstLeaf: UInt64

  private let leaf: UInt8 = 0xff
  private let descriptorBytes = 14

  /// - Parameter pieces: where the file is, in bytes of the device.
  /// - Returns: nil if the file is empty. Throws `SpaceError` if it has no header node.
  init?(_ pieces: [Range<UInt64>], on device: Device) throws {
    guard let start = pieces.first?.lowerBound else { return nil }
    var end: UInt64 = 0
    self.pieces = try pieces.map { piece in
      guard piece.upperBound <= device.size, let next = end.plus(piece.upperBound - piece.lowerBound) else {
        throw SpaceError.incomplete
      }
      end = next
      return (end, piece)
    }
    self.device = BufferedBytes(device)
    let header = try self.device.bytes(at: start, count: 48)
    (nodeSize, firstLeaf) = (header.big(at: 32, width: 2), header.big(at: 24, width: 4))
    guard header[8] == 1, (512...32768).contains(nodeSize), nodeSize.nonzeroBitCount == 1 else {
      throw SpaceError.incomplete
    }
  }

  /// Calls `body` with each record: its key, which begins with its length, and its data.
  func forEachRecord(_ body: ([UInt8]) throws -> Void) throws {
    var (number, before): (UInt64, UInt64) = (firstLeaf, 0)
    while number != 0 {
      let node = try node(number)
      // Each node has one predecessor, so no node comes twice.
      guard node[8] == leaf, node.big(at: 4, width: 4) == before else { throw SpaceError.incomplete }
      for record in 0..<Int(node.big(at: 10, width: 2)) {
        // The offsets of the records are at the end of the node, in reverse.
        let position = node.count - 2 * (record + 1)
        let start = Int(node.big(at: position, width: 2))
        let end = Int(node.big(at: position - 2, width: 2))
        guard descriptorBytes <= start, start < end, end <= position else { throw SpaceError.incomplete }
        try body(Array(node[start..<end]))
      }
      (number, before) = (node.big(at: 0, width: 4), number)
    }
  }

  private func node(_ number: UInt64) throws -> [UInt8] {
    guard var offset = number.times(nodeSize) else { throw SpaceError.incomplete }
    var bytes: [UInt8] = []
    while bytes.count < nodeSize {
      guard let piece = piece(at: offset) else { throw SpaceError.incomplete }
      let start = piece.range.upperBound - (piece.end - offset)
      let count = min(nodeSize - UInt64(bytes.count), piece.range.upperBound - start)
      bytes += try device.bytes(at: start, count: Int(count))
      offset += count
    }
    return bytes
  }

  /// The piece that holds an offset in the file.
  private func piece(at offset: UInt64) -> (end: UInt64, range: Range<UInt64>)? {
    var (low, high) = (0, pieces.count)
    while low < high {
      let middle = (low + high) / 2
      if pieces[middle].end > offset { high = middle } else { low = middle + 1 }
    }
    return low < pieces.count ? pieces[low] : nil
  }
}
