/// Finds the segment of a disk that a byte lies in: the stretches over which the same ranges of a map lie.
///
/// Most often a range is followed by a gap in which only what the range lay in is left. Such a segment and its gap are
/// one entry. Three entries are a line, as long as a line of the processor's cache: where the first one begins, where the
/// others do behind it, and all that each says. A directory tells which line a byte is on. So to find a segment is to wait
/// for the memory once, and for the directory where that is too large for the processor's caches.
struct SegmentTable: Sendable {
  private static let entries = 3
  /// Of a line: its start, the other entries' starts, and for each entry two more.
  private static let lineWords = 8
  /// In place of a start: the line has no such entry. In place of a length: there is no gap.
  private static let none: UInt64 = 0xffff_ffff

  /// Where a disk's segments are.
  struct Section: Sendable {
    fileprivate var firstLine = 0
    fileprivate var lineCount = 0
    fileprivate var directory = LineDirectory.Section()
  }

  /// A place in a disk's segments.
  struct Cursor {
    /// Among all lines.
    fileprivate var line: Int
    fileprivate var entry: Int
    /// Whether it is the gap behind the entry's first.
    fileprivate var isGap: Bool
  }

  private var words: PageArray<UInt64>
  private var directory: LineDirectory
  /// How full the last line is.
  private var filled = 0

  /// - Parameter capacity: about how many entries there will be, on all disks.
  init(capacity: Int) {
    let lines = capacity / Self.entries + 1
    words = PageArray(capacity: lines * Self.lineWords)
    directory = LineDirectory(capacity: lines)
  }

  /// Begins the segments of another disk.
  mutating func begin() -> Section {
    filled = Self.entries
    return Section(firstLine: words.count / Self.lineWords)
  }

  /// Adds a segment that begins behind all others of its disk; the first one begins at 0.
  /// - Parameter isRest: whether it says just what the rest of the last one is.
  mutating func append(start: UInt64, _ value: SegmentValue, isRest: Bool) {
    let line = words.count - Self.lineWords
    if isRest, case let length = start &- self.start(of: filled - 1, at: line), length < Self.none {
      let place = line + 2 * filled
      words[place] = words[place] & ~Self.none | length
      return
    }
    if filled == Self.entries || start &- words[line] >= Self.none {
      words.append(start)
      for _ in 1..<Self.lineWords { words.append(.max) }
      filled = 0
    } else {
      let shift = UInt64(32 * (filled - 1))
      words[line + 1] = words[line + 1] & ~(Self.none << shift) | (start &- words[line]) << shift
    }
    let place = words.count - Self.lineWords + 2 + 2 * filled
    words[place] = UInt64(value.first) << 32 | Self.none
    words[place + 1] = UInt64(value.offset) << 32 | UInt64(value.rest)
    filled += 1
  }

  /// Builds the directory of the segments that were added.
  mutating func finish(_ section: inout Section) {
    section.lineCount = words.count / Self.lineWords - section.firstLine
    section.directory = directory.append(section.firstLine..<section.firstLine + section.lineCount) {
      words[$0 * Self.lineWords]
    }
  }

  /// Where a byte is found.
  struct Found {
    var cursor: Cursor
    /// How far behind the entry's beginning, in bytes.
    var distance: UInt64
    /// The segment does not end before.
    var limit: UInt64
  }

  /// The segment with this byte of the disk.
  @inline(__always)
  func find(_ byte: UInt64, in section: borrowing Section) -> Found {
    let guess = directory.guess(byte, in: section.directory)
    var (line, limit) = (guess.line, guess.limit)
    if !guess.isNear || words[line &* Self.lineWords] > byte {
      line = search(byte, guess)
      limit = line + 1 < section.firstLine + section.lineCount ? words[(line + 1) * Self.lineWords] : .max
    }
    let first = line &* Self.lineWords
    let base = words[first]
    let starts = words[first &+ 1]
    let behind = byte &- base
    // Without branches, since a processor cannot foresee which way they would go.
    let (second, third) = (starts & Self.none, starts &>> 32)
    let isBehindSecond = Self.mask(second <= behind && second != Self.none)
    let isBehindThird = Self.mask(third <= behind && third != Self.none)
    let entry = Int(truncatingIfNeeded: 0 &- isBehindSecond &- isBehindThird)
    let start = second & (isBehindSecond ^ isBehindThird) | third & isBehindThird
    let next = second & ~isBehindSecond | third & (isBehindSecond ^ isBehindThird) | Self.none & isBehindThird
    let length = words[first &+ 2 &+ 2 &* entry] & Self.none
    let gap = length == Self.none ? .max : start &+ length
    let isGap = gap <= behind
    let end = min(isGap ? .max : gap, next == Self.none ? .max : next)
    if end != .max { limit = base &+ end }
    return Found(
      cursor: Cursor(line: line, entry: entry, isGap: isGap), distance: behind &- start, limit: limit)
  }

  /// Begins to fetch what `prefetch` will read.
  @inline(__always)
  func prefetchDirectory(_ byte: UInt64, in section: borrowing Section) {
    directory.prefetch(byte, in: section.directory)
  }

  /// Begins to fetch what `find` will read.
  @inline(__always)
  func prefetch(_ byte: UInt64, in section: borrowing Section) {
    words.prefetch(directory.guess(byte, in: section.directory).line &* Self.lineWords)
  }

  @inline(__always)
  private static func mask(_ isSet: Bool) -> UInt64 { isSet ? .max : 0 }

  /// Among the lines that a guess leaves.
  @inline(never)
  private func search(_ byte: UInt64, _ guess: LineDirectory.Guess) -> Int {
    var (first, last) = (guess.line, guess.last)
    if words[first * Self.lineWords] > byte {
      (first, last) = (guess.first, guess.line - 1)
      // Nearly always.
      if words[last * Self.lineWords] <= byte { return last }
    }
    while first < last {
      let middle = (first + last + 1) / 2
      if words[middle * Self.lineWords] <= byte { first = middle } else { last = middle - 1 }
    }
    return first
  }

  /// Where a segment begins.
  @inline(__always)
  func start(of cursor: Cursor) -> UInt64 {
    let first = cursor.line * Self.lineWords
    let start = start(of: cursor.entry, at: first)
    return cursor.isGap ? start &+ words[first + 2 + 2 * cursor.entry] & Self.none : start
  }

  /// Moves to the next segment.
  /// - Returns: where that begins; `UInt64.max` if there is none.
  @inline(__always)
  func advance(_ cursor: inout Cursor, in section: borrowing Section) -> UInt64 {
    let first = cursor.line * Self.lineWords
    if !cursor.isGap, case let length = words[first + 2 + 2 * cursor.entry] & Self.none, length != Self.none {
      cursor.isGap = true
      return start(of: cursor.entry, at: first) &+ length
    }
    cursor.isGap = false
    if cursor.entry + 1 < Self.entries,
      case let start = words[first + 1] >> UInt64(32 * cursor.entry) & Self.none, start != Self.none
    {
      cursor.entry += 1
      return words[first] &+ start
    }
    cursor.entry = 0
    cursor.line += 1
    guard cursor.line < section.firstLine + section.lineCount else { return .max }
    return words[cursor.line * Self.lineWords]
  }

  /// What a segment says.
  @inline(__always)
  func value(of cursor: Cursor) -> SegmentValue {
    let place = cursor.line * Self.lineWords + 2 + 2 * cursor.entry
    let rest = words[place + 1]
    return SegmentValue(
      first: cursor.isGap ? SegmentValue.none : UInt32(truncatingIfNeeded: words[place] >> 32),
      rest: UInt32(truncatingIfNeeded: rest), offset: UInt32(truncatingIfNeeded: rest >> 32))
  }

  /// Where an entry of the line that is at `first` begins.
  @inline(__always)
  private func start(of entry: Int, at first: Int) -> UInt64 {
    entry == 0 ? words[first] : words[first] &+ words[first + 1] >> UInt64(32 &* (entry &- 1)) & Self.none
  }
}
