import Glibc
import SystemPackage

/// A filesystem's device: its bytes, and where they are on a disk. The test works this out from what other tools say,
/// not from a map.
struct StoredVolume {
  /// A part of the device that is in one place on the disk. All numbers are in bytes.
  struct Piece {
    var offset: UInt64
    var diskOffset: UInt64
    var length: UInt64

    var onDisk: Range<UInt64> { diskOffset..<diskOffset + length }

    /// The same on a disk on which the device begins at `start`.
    func moved(by start: UInt64) -> Piece { Piece(offset: offset, diskOffset: start + diskOffset, length: length) }
  }

  /// The name in the map.
  var device: String
  var image: FilePath
  /// Each copy of the device on the disk, sorted by offset.
  var copies: [[Piece]]

  /// How many copies of each sector of the device the ranges touch.
  /// - Parameter ranges: of the disk, in whole sectors; they do not overlap.
  func sectors(in ranges: [Range<UInt64>]) -> [UInt64: Int] {
    var found: [UInt64: Int] = [:]
    for pieces in copies {
      let sorted = pieces.sorted { $0.diskOffset < $1.diskOffset }
      for range in ranges {
        var index = sorted.partitionIndex { $0.onDisk.upperBound > range.lowerBound }
        while index < sorted.count, sorted[index].diskOffset < range.upperBound {
          let piece = sorted[index]
          let part = piece.onDisk.clamped(to: range)
          for offset in stride(from: part.lowerBound, to: part.upperBound, by: 512) {
            found[(offset - piece.diskOffset + piece.offset) / 512, default: 0] += 1
          }
          index += 1
        }
      }
    }
    return found
  }

  /// The place of a range of the disk in another copy; nil if it is in no single piece.
  func twin(of range: Range<UInt64>) -> Range<UInt64>? {
    for (number, pieces) in copies.enumerated() {
      guard let piece = pieces.first(where: { $0.onDisk.contains(range.lowerBound) }) else { continue }
      let offset = range.lowerBound - piece.diskOffset + piece.offset
      let other = copies[(number + 1) % copies.count]
      guard let twin = other.first(where: { offset >= $0.offset && offset < $0.offset + $0.length }) else { return nil }
      let start = twin.diskOffset + offset - twin.offset
      return start..<min(start + UInt64(range.count), twin.onDisk.upperBound)
    }
    return nil
  }

  /// Where pieces of a device are on the disk, for example chunks of Btrfs.
  /// - Parameters:
  ///   - parts: `diskOffset` is an offset on the device.
  ///   - pieces: one copy of the device.
  static func places(of parts: [Piece], on pieces: [Piece]) -> [Piece] {
    parts.flatMap { part in
      pieces.compactMap { piece in
        let common = part.onDisk.clamped(to: piece.offset..<piece.offset + piece.length)
        guard !common.isEmpty else { return nil }
        return Piece(
          offset: part.offset + common.lowerBound - part.diskOffset,
          diskOffset: piece.diskOffset + common.lowerBound - piece.offset, length: UInt64(common.count))
      }
    }
  }

  /// Puts an image together from the pieces of one copy.
  static func image(of pieces: [Piece], on disk: FilePath, as name: String, in scratch: Scratch) throws -> FilePath {
    let size = pieces.map { $0.offset + $0.length }.max() ?? 0
    let path = try scratch.makeHole(name, size: Int(size))
    let (source, target) = (try FileDescriptor.open(disk, .readOnly), try FileDescriptor.open(path, .writeOnly))
    defer {
      try? source.close()
      try? target.close()
    }
    let step: UInt64 = 1 << 20
    let zeros = [UInt8](repeating: 0, count: Int(step))
    for piece in pieces {
      for done in stride(from: 0, to: piece.length, by: Int(step)) {
        let count = Int(min(step, piece.length - done))
        let bytes = try source.bytes(at: piece.diskOffset + done, count: count)
        guard memcmp(bytes, zeros, count) != 0 else { continue }
        _ = try target.writeAll(toAbsoluteOffset: Int64(piece.offset + done), bytes)
      }
    }
    return path
  }
}

extension Array {
  /// The index of the first element for which `isAfter` is true, if it is true for all that follow.
  func partitionIndex(where isAfter: (Element) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if isAfter(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
