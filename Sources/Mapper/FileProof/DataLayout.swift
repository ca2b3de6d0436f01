import Bytes

/// Which parts of a file hold data. The rest are holes or unwritten, and read as zeros.
package struct DataLayout: Equatable {
  /// Ranges of the file in bytes, sorted and not touching.
  package var parts: [Range<UInt64>]

  /// The most parts; if a file has more, its smaller holes are read as data.
  package static let maximumParts = 4096
  /// The most extents that are asked for; the file is read in full after the last of them.
  package static let maximumExtents = 100_000

  /// How many bytes of the file are read.
  package var bytes: UInt64 { parts.reduce(0) { $0 &+ ($1.upperBound - $1.lowerBound) } }

  /// - Parameter lines: `START LAST` for each extent, in units of 512 bytes, and `found` after the last.
  /// - Returns: nil if the filesystem does not say where the file's data is.
  package init?(parsing lines: [Substring], size: UInt64) {
    var extents: [Range<UInt64>] = []
    var isComplete = false
    for line in lines {
      if line == "found" {
        isComplete = true
        continue
      }
      let numbers = line.fields.compactMap { UInt64($0) }
      guard numbers.count == 2, numbers[0] <= numbers[1], numbers[1] < 1 << 54 else { return nil }
      let (start, end) = (numbers[0] << 9, min((numbers[1] + 1) << 9, size))
      if start < end { extents.append(start..<end) }
    }
    guard isComplete || lines.count >= Self.maximumExtents else { return nil }
    // There are more extents than were asked for.
    if !isComplete, let last = extents.map(\.upperBound).max(), last < size { extents.append(last..<size) }
    self.init(extents)
  }

  /// - Parameter extents: in any order.
  package init(_ extents: [Range<UInt64>]) {
    parts = []
    for extent in extents.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let last = parts.last, extent.lowerBound <= last.upperBound {
        parts[parts.count - 1] = last.lowerBound..<max(last.upperBound, extent.upperBound)
      } else {
        parts.append(extent)
      }
    }
    guard parts.count > Self.maximumParts else { return }
    // The smallest holes are read together with the data around them.
    let holes = parts.indices.dropFirst().sorted { size(ofHoleBefore: $0) > size(ofHoleBefore: $1) }
    let starts = [0] + holes.prefix(Self.maximumParts - 1).sorted()
    parts = zip(starts, starts.dropFirst() + [parts.count]).map { parts[$0].lowerBound..<parts[$1 - 1].upperBound }
  }

  private func size(ofHoleBefore part: Int) -> UInt64 { parts[part].lowerBound - parts[part - 1].upperBound }
}
