/// Finds the segment of a disk that a byte lies in: the stretches over which the same ranges of a map lie.
///
/// Most often a range is followed by a gap in which only what the range lay in is left. Such a segment and its gap are
/// one entry. Eight entries are a block: where each begins behind the first one, and what each says, in memory that is
/// next to each other. To find one is to fetch two or three lines of the processor's cache; the tree over the blocks, an
/// eighth of a word an entry, is there for the most part.
struct SegmentTable: Sendable {
  private static let fanOut = 8
  /// Of a block: its starts, and for each three more.
  private static let blockWords = 4 * fanOut
  /// In place of a start: the block has no further entry. In place of a length: there is no gap.
  private static let none = UInt32.max

  /// Where a disk's segments are.
  struct Section: Sendable {
    fileprivate var firstBlock = 0
    fileprivate var blockCount = 0
    fileprivate var levelCount = 0
    /// Where each level of the tree begins, the uppermost first. The lowest one has the blocks' own starts. With 22
    /// levels of eight there could be a block for every `UInt64`.
    fileprivate var levels = InlineArray<22, Int>(repeating: 0)
  }

  /// What a segment says.
  struct Value: Equatable, Sendable {
    /// The place of the most specific range, or a mark; of a gap none.
    var first: UInt32
    /// The chain of those behind it.
    var rest: UInt32
  }

  /// A segment that was found.
  struct Segment {
    fileprivate var block: Int
    fileprivate var place: Int
    /// Whether it is the gap behind the entry's first.
    fileprivate var isGap: Bool
  }

  private var words: [UInt32] = []
  private var tree: [UInt64] = []
  /// Of the disk that is being built, where each block begins, and how full the last one is.
  private var starts: [UInt64] = []
  private var filled = 0

  /// - Parameter capacity: about how many entries there will be, on all disks.
  init(capacity: Int) {
    words.reserveCapacity((capacity / Self.fanOut + 1) * Self.blockWords)
  }

  /// Begins the segments of another disk.
  mutating func begin() -> Section {
    starts.removeAll()
    filled = Self.fanOut
    return Section(firstBlock: words.count / Self.blockWords)
  }

  /// Adds a segment that begins behind all others of its disk; the first one begins at 0.
  /// - Parameter isRest: whether it says just what the rest of the last one is.
  mutating func append(start: UInt64, _ value: Value, isRest: Bool) {
    var behind = start &- (starts.last ?? 0)
    let last = words.count - Self.blockWords
    if isRest, filled > 0, case let length = behind &- UInt64(words[last + filled - 1]), length < UInt64(Self.none) {
      words[last + Self.fanOut + 3 * (filled - 1)] = UInt32(truncatingIfNeeded: length)
      return
    }
    if filled == Self.fanOut || behind >= UInt64(Self.none) {
      starts.append(start)
      words.append(contentsOf: repeatElement(Self.none, count: Self.blockWords))
      filled = 0
      behind = 0
    }
    let block = words.count - Self.blockWords
    words[block + filled] = UInt32(truncatingIfNeeded: behind)
    words[block + Self.fanOut + 3 * filled + 1] = value.first
    words[block + Self.fanOut + 3 * filled + 2] = value.rest
    filled += 1
  }

  /// Builds the tree over the segments that were added.
  mutating func finish(_ section: inout Section) {
    section.blockCount = starts.count
    var levels = [starts]
    starts = []
    while let last = levels.last, last.count > Self.fanOut {
      levels.append(stride(from: 0, to: last.count, by: Self.fanOut).map { last[$0] })
    }
    for (number, level) in levels.reversed().enumerated() {
      section.levels[number] = tree.count
      tree += level
      // So that each step may look at as many.
      tree += Array(repeating: .max, count: (Self.fanOut - level.count % Self.fanOut) % Self.fanOut)
    }
    section.levelCount = levels.count
  }

  /// The segment with this byte of the disk.
  @inline(__always)
  func find(_ byte: UInt64, in section: borrowing Section) -> Segment {
    let tree = tree.span
    var block = 0
    for level in 0..<section.levelCount {
      block =
        block * Self.fanOut + Self.last(notAbove: byte, of: tree, from: section.levels[level] + block * Self.fanOut)
    }
    let behind = byte &- start(ofBlock: block, in: section)
    let first = (section.firstBlock + block) * Self.blockWords
    // No entry begins so far behind the block's first that this would be another one.
    let short = UInt32(truncatingIfNeeded: min(behind, UInt64(Self.none - 1)))
    let place = Self.last(notAbove: short, of: words.span, from: first)
    let length = words[first + Self.fanOut + 3 * place]
    let isGap = length != Self.none && behind &- UInt64(words[first + place]) >= UInt64(length)
    return Segment(block: block, place: place, isGap: isGap)
  }

  /// Where a segment ends; `UInt64.max` for the last one.
  @inline(__always)
  func end(of segment: Segment, in section: borrowing Section) -> UInt64 {
    let first = (section.firstBlock + segment.block) * Self.blockWords
    let length = words[first + Self.fanOut + 3 * segment.place]
    if !segment.isGap, length != Self.none {
      return start(ofBlock: segment.block, in: section) &+ UInt64(words[first + segment.place]) &+ UInt64(length)
    }
    let place = segment.place + 1
    if place < Self.fanOut, words[first + place] != Self.none {
      return start(ofBlock: segment.block, in: section) &+ UInt64(words[first + place])
    }
    return segment.block + 1 < section.blockCount ? start(ofBlock: segment.block + 1, in: section) : .max
  }

  /// The segment that comes next, if there is one.
  @inline(__always)
  func after(_ segment: Segment, in section: borrowing Section) -> Segment {
    let first = (section.firstBlock + segment.block) * Self.blockWords
    if !segment.isGap, words[first + Self.fanOut + 3 * segment.place] != Self.none {
      return Segment(block: segment.block, place: segment.place, isGap: true)
    }
    let place = segment.place + 1
    if place < Self.fanOut, words[first + place] != Self.none {
      return Segment(block: segment.block, place: place, isGap: false)
    }
    return Segment(block: segment.block + 1, place: 0, isGap: false)
  }

  /// What a segment says.
  @inline(__always)
  func value(of segment: Segment, in section: borrowing Section) -> Value {
    let place = (section.firstBlock + segment.block) * Self.blockWords + Self.fanOut + 3 * segment.place
    return Value(first: segment.isGap ? SegmentSweep.Mark.none : words[place + 1], rest: words[place + 2])
  }

  @inline(__always)
  private func start(ofBlock block: Int, in section: borrowing Section) -> UInt64 {
    tree[section.levels[section.levelCount - 1] + block]
  }

  /// Which of 8 numbers in order is the last that is not above another; the first one if none is.
  @inline(__always)
  private static func last<Number: FixedWidthInteger>(
    notAbove number: Number, of numbers: Span<Number>, from first: Int
  ) -> Int {
    var place = first
    if numbers[place + 4] <= number { place += 4 }
    if numbers[place + 2] <= number { place += 2 }
    if numbers[place + 1] <= number { place += 1 }
    return place - first
  }
}
