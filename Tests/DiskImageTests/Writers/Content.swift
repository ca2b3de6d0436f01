import DiskImage
import Glibc

/// The content of a disk, from the plan it was written by and not from any reader.
struct Content {
  /// A range of the disk in one state.
  struct Piece {
    var range: Range<UInt64>
    var state: DiskExtent.State
    /// For data: the stream the bytes come from (0 is all zeros), and the offset of the range in it.
    var seed: UInt64 = 0
    var streamOffset: UInt64 = 0

    /// The part of the piece within `part`, which overlaps it.
    func clamped(to part: Range<UInt64>) -> Piece {
      var piece = self
      piece.range = range.clamped(to: part)
      piece.streamOffset += piece.range.lowerBound - range.lowerBound
      return piece
    }
  }

  /// In order, without gaps, starting at 0. All boundaries are at sectors.
  private(set) var pieces: [Piece] = []
  var size: UInt64 { pieces.last?.range.upperBound ?? 0 }

  /// Adds a range at the end.
  mutating func append(_ length: UInt64, _ state: DiskExtent.State, seed: UInt64 = 0, streamOffset: UInt64 = 0) {
    guard length > 0 else { return }
    pieces.append(Piece(range: size..<(size + length), state: state, seed: seed, streamOffset: streamOffset))
  }

  mutating func append(_ other: Content) {
    for piece in other.pieces {
      append(UInt64(piece.range.count), piece.state, seed: piece.seed, streamOffset: piece.streamOffset)
    }
  }

  private mutating func append(_ piece: Piece) {
    append(UInt64(piece.range.count), piece.state, seed: piece.seed, streamOffset: piece.streamOffset)
  }

  /// The pieces that overlap `range`, clamped to it.
  func pieces(in range: Range<UInt64>) -> [Piece] {
    // Find the first piece that ends after the start of the range.
    var low = 0
    var high = pieces.count
    while low < high {
      let middle = (low + high) / 2
      if pieces[middle].range.upperBound > range.lowerBound { high = middle } else { low = middle + 1 }
    }
    var found: [Piece] = []
    while low < pieces.count, pieces[low].range.lowerBound < range.upperBound {
      found.append(pieces[low].clamped(to: range))
      low += 1
    }
    return found
  }

  /// This disk as a child of another: unallocated ranges are read from the parent.
  func over(_ parent: Content) -> Content {
    var whole = Content()
    for piece in pieces {
      guard piece.state == .hole else {
        whole.append(piece)
        continue
      }
      for below in parent.pieces(in: piece.range) { whole.append(below) }
      whole.append(piece.range.upperBound - whole.size, .hole)
    }
    return whole
  }

  /// The disk's extents, with adjacent ones of the same state merged.
  var extents: [DiskExtent] { pieces.map { DiskExtent(range: $0.range, state: $0.state) }.joined }

  /// The bytes of a range that starts and ends at sectors.
  func bytes(in range: Range<UInt64>) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: range.count)
    for piece in pieces(in: range) where piece.state == .data {
      let stored = Content.stream(piece.seed, from: piece.streamOffset, count: piece.range.count)
      let start = Int(piece.range.lowerBound - range.lowerBound)
      bytes.withUnsafeMutableBytes { target in
        stored.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: target[start...]).copyMemory(from: $0) }
      }
    }
    return bytes
  }

  /// An endless, compressible stream of bytes. All sectors are the same except for a word every 64 bytes, which is
  /// different for every sector of every stream. Stream 0 is all zeros.
  static func stream(_ seed: UInt64, from offset: UInt64, count: Int) -> [UInt8] {
    precondition(offset % 512 == 0 && count % 512 == 0)
    guard seed != 0 else { return [UInt8](repeating: 0, count: count) }
    return [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
      guard let base = buffer.baseAddress else { return }
      for sector in 0..<(count / 512) {
        var word = Seeded(seed &* 0x2545_f491_4f6c_dd1d ^ (offset / 512 + UInt64(sector))).first
        memcpy(base + sector * 512, template, 512)
        for index in 0..<8 { memcpy(base + sector * 512 + index * 64, &word, 8) }
      }
      used = count
    }
  }

  private static let template: [UInt8] = {
    var random = Seeded(512)
    return random.bytes(512)
  }()
}

extension Seeded {
  fileprivate var first: UInt64 {
    var copy = self
    return copy.next()
  }
}
