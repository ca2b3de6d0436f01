import DiskImage
import SystemPackage

/// An image in the corpus, and what is known about it without reading it.
struct CorpusImage {
  let path: FilePath
  let content: Content
  /// The other readers that can read it, and the file for each. A reader that does not know a kind may know another
  /// descriptor of the same extents.
  let readers: [Reader: FilePath]
  /// Whether some extents are flat. In those, qemu reports holes as present.
  let hasFlatParts: Bool
  /// Text of the warning that opening it must print; nil for none.
  let warning: String?
  /// The ranges that are compared byte for byte, in order and not adjacent.
  let ranges: [Range<UInt64>]

  /// - Parameter except: the readers that cannot read it.
  init(
    _ path: FilePath, _ content: Content, except: Set<Reader> = [], twins: [Reader: FilePath] = [:],
    hasFlatParts: Bool = false, warning: String? = nil
  ) {
    self.path = path
    self.content = content
    var readers: [Reader: FilePath] = [:]
    for reader in Reader.allCases where !except.contains(reader) { readers[reader] = twins[reader] ?? path }
    self.readers = readers
    self.hasFlatParts = hasFlatParts
    self.warning = warning
    ranges = Self.ranges(content)
  }

  var name: String { path.lastComponent?.string ?? "" }

  /// Whether the other readers can read the whole disk at once.
  var isSmall: Bool { content.size <= 160 << 20 }

  /// All of a small disk. For a large one, the allocated ranges and their neighbours, and some of the rest.
  private static func ranges(_ content: Content) -> [Range<UInt64>] {
    if content.size <= 3 << 20 { return [0..<content.size] }
    var wanted: [Range<UInt64>] = [0..<4096, content.size - 512..<content.size]
    for piece in content.pieces where piece.state != .hole {
      let range = piece.range
      wanted.append(max(range.lowerBound, 512) - 512..<min(range.upperBound + 512, content.size))
    }
    var random = Seeded(content.size)
    for _ in 0..<8 {
      let start = UInt64.random(in: 0..<content.size / 512, using: &random) * 512
      wanted.append(start..<min(start + 8192, content.size))
    }
    return joined(wanted)
  }

  /// The ranges for which qemu-img map is run. On a large disk it goes grain by grain.
  var mapped: [Range<UInt64>] {
    guard readers[.qemu] != nil else { return [] }
    if isSmall { return [0..<content.size] }
    // The ranges must start and end at grain boundaries; otherwise qemu-img map reports more than the range.
    let parts = Self.joined(
      ranges.map { range in
        (range.lowerBound >> 20) << 20..<min(roundUp(range.upperBound, to: 1 << 20), content.size)
      })
    return parts.count <= 6 ? parts : parts.prefix(4) + parts.suffix(2)
  }

  private static func joined(_ ranges: [Range<UInt64>]) -> [Range<UInt64>] {
    var joined: [Range<UInt64>] = []
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let last = joined.last, last.upperBound >= range.lowerBound {
        joined[joined.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
      } else {
        joined.append(range)
      }
    }
    return joined
  }
}
