/// Tells on which line of a `SegmentTable` a byte of a disk is to be looked for.
///
/// The disk, up to where its last line begins, is cut into equal parts, in each of which 16 to 32 lines begin on average.
/// Of each line a part holds the upper bits of where it begins, side by side in one line of the processor's cache, so that
/// one fetch from a table a twentieth as large tells which line it is, or that it is that or the one before.
struct LineDirectory: Sendable {
  /// How many keys a part has: all but one of its words.
  private static let keys = 63
  private static let words = 64
  private static let leastLines = 16
  /// How many bits of a line's start a key has.
  private static let keyBits: UInt64 = 8
  /// In place of a key: there is no further one. Keys stay below.
  private static let none = UInt8.max

  /// Where a disk's parts are.
  struct Section: Sendable {
    fileprivate var first = 0
    fileprivate var count = 0
    /// A part has so many bytes, as a power of two.
    fileprivate var shift: UInt64 = 0
  }

  /// What is known of where a byte is.
  struct Guess {
    var line: Int
    /// The next line does not begin before.
    var limit: UInt64
    /// Whether it is this line, if it does not begin behind the byte. If it does, or this is false, it is one of these.
    var isNear: Bool
    var first: Int
    var last: Int
  }

  /// Of each part the keys of the lines that begin in it behind its first byte, ascending, or of every second, fourth ...
  /// of them if they are too many; the last word says which power of two that is.
  private var parts: PageArray<UInt8>
  /// Of each part the line with its first byte; after the last one of a disk its last line.
  private var lines: PageArray<UInt32>

  /// - Parameter capacity: about how many lines there will be.
  init(capacity: Int) {
    parts = PageArray(capacity: (capacity / Self.leastLines + 1) * Self.words)
    lines = PageArray(capacity: capacity / Self.leastLines + 2)
  }

  /// Adds a disk.
  /// - Parameters:
  ///   - numbers: its lines; not empty.
  ///   - start: where a line begins; the first one at 0, and each behind the one before.
  mutating func append(_ numbers: Range<Int>, start: (Int) -> UInt64) -> Section {
    var section = Section(first: lines.count)
    let last = start(numbers.upperBound - 1)
    while last >> section.shift > UInt64(numbers.count / Self.leastLines) { section.shift += 1 }
    section.count = Int(last >> section.shift) + 1
    var line = numbers.lowerBound
    for part in 0..<UInt64(section.count) {
      while line + 1 < numbers.upperBound, start(line + 1) <= part << section.shift { line += 1 }
      lines.append(UInt32(truncatingIfNeeded: line))
      var end = line + 1
      while end < numbers.upperBound, start(end) >> section.shift == part { end += 1 }
      append(line..<end, of: section, start: start)
      line = end - 1
    }
    lines.append(UInt32(truncatingIfNeeded: numbers.upperBound - 1))
    // So that each disk has as many here as there.
    for _ in 0..<Self.words { parts.append(Self.none) }
    return section
  }

  /// Adds the keys of a part's lines, of which the first one begins before it.
  private mutating func append(_ numbers: Range<Int>, of section: Section, start: (Int) -> UInt64) {
    var stride = 0
    while (numbers.count - 1) >> stride > Self.keys { stride += 1 }
    for key in 1...Self.keys {
      let line = numbers.lowerBound + key << stride
      parts.append(line < numbers.upperBound ? Self.key(start(line), section.shift) : Self.none)
    }
    parts.append(UInt8(truncatingIfNeeded: stride))
  }

  /// The upper bits of where in its part a byte is.
  @inline(__always)
  private static func key(_ byte: UInt64, _ shift: UInt64) -> UInt8 {
    let behind = byte & ((1 &<< shift) &- 1)
    let bits = shift > keyBits ? behind &>> (shift &- keyBits) : behind
    return UInt8(truncatingIfNeeded: min(bits, UInt64(none - 1)))
  }

  /// The part with a byte, among those of its disk; the last one has what is behind.
  @inline(__always)
  private static func part(of byte: UInt64, in section: borrowing Section) -> UInt64 {
    min(byte &>> section.shift, UInt64(section.count &- 1))
  }

  /// Begins to fetch what `guess` will read.
  @inline(__always)
  func prefetch(_ byte: UInt64, in section: borrowing Section) {
    let part = section.first &+ Int(truncatingIfNeeded: Self.part(of: byte, in: section))
    parts.prefetch(part &* Self.words)
    lines.prefetch(part)
  }

  /// Where a byte is.
  @inline(__always)
  func guess(_ byte: UInt64, in section: borrowing Section) -> Guess {
    let number = Self.part(of: byte, in: section)
    let part = section.first &+ Int(truncatingIfNeeded: number)
    let isBehind = byte &>> section.shift != number
    let key = isBehind ? Self.none - 1 : Self.key(byte, section.shift)
    let words = part &* Self.words
    // How many keys are not above the byte's. Sums, since a processor cannot foresee which way this goes.
    var count = 0
    count &+= parts[words &+ 31] <= key ? 32 : 0
    count &+= parts[words &+ count &+ 15] <= key ? 16 : 0
    count &+= parts[words &+ count &+ 7] <= key ? 8 : 0
    count &+= parts[words &+ count &+ 3] <= key ? 4 : 0
    count &+= parts[words &+ count &+ 1] <= key ? 2 : 0
    count &+= parts[words &+ count] <= key ? 1 : 0
    let stride = Int(parts[words &+ Self.keys])
    let first = Int(lines[part])
    let next = count < Self.keys ? parts[words &+ count] : Self.none
    let distance = section.shift > Self.keyBits ? UInt64(next) &<< (section.shift &- Self.keyBits) : UInt64(next)
    let limit = (number &+ (next == Self.none ? 1 : 0)) &<< section.shift
    return Guess(
      line: first &+ count &<< stride, limit: next == Self.none ? limit : limit &+ distance, isNear: stride == 0,
      first: first, last: min(first &+ (count &+ 1) &<< stride &- 1, Int(lines[part &+ 1])))
  }
}
