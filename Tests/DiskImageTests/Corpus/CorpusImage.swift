import DiskImage
import SystemPackage

/// An image of the corpus, and what is known of it without reading it.
struct CorpusImage {
  let path: FilePath
  let content: Content
  /// The other readers that can read it and the file that each is given: where a reader does not know a kind, it may
  /// know another descriptor of the same extents.
  let readers: [Reader: FilePath]
  /// Whether some of it is flat, where qemu calls a hole in the file present.
  let hasFlatParts: Bool
  /// What we have to warn of, if of anything.
  let warning: String?
  /// What the disk is compared on byte for byte: parts in order and apart.
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

  /// Whether others can read the whole disk at once.
  var isSmall: Bool { content.size <= 160 << 20 }

  /// The whole of a small disk. Of a large one, what is stored and what is beside it, and some of the rest.
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

  /// The parts of the disk whose states qemu-img map is asked for, which on a large disk goes grain by grain.
  var mapped: [Range<UInt64>] {
    guard readers[.qemu] != nil else { return [] }
    if isSmall { return [0..<content.size] }
    // The borders that qemu-img map is given are those of grains, or it tells of what is around them.
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
