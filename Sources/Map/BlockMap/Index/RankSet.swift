/// A set of small numbers, in which adding, removing and finding the next one take constant time for any
/// practical size: a bit each, and over every 64 words a word that says which of them hold any.
struct RankSet: Sendable {
  private var words: [UInt64] = []
  /// Where each level begins in `words`; level 0 holds the numbers themselves.
  private var levels: [Int] = []
  private(set) var count = 0

  /// Makes the set empty, for numbers below `size`.
  mutating func reset(size: Int) {
    count = 0
    levels.removeAll(keepingCapacity: true)
    words.removeAll(keepingCapacity: true)
    var width = size
    repeat {
      width = (width + 63) >> 6
      levels.append(words.count)
      for _ in 0..<width { words.append(0) }
    } while width > 1
  }

  /// Adds a number that is not in the set.
  mutating func insert(_ number: Int) {
    count += 1
    var place = number
    for level in levels {
      let word = level + place >> 6
      let before = words[word]
      words[word] = before | 1 << UInt64(place & 63)
      if before != 0 { return }
      place >>= 6
    }
  }

  /// Removes a number that is in the set.
  mutating func remove(_ number: Int) {
    count -= 1
    var place = number
    for level in levels {
      let word = level + place >> 6
      words[word] &= ~(1 << UInt64(place & 63))
      if words[word] != 0 { return }
      place >>= 6
    }
  }

  /// The least number in the set that is not below `number`.
  func next(from number: Int) -> Int? {
    var place = number
    for level in levels.indices {
      let end = level + 1 < levels.count ? levels[level + 1] : words.count
      let word = levels[level] + place >> 6
      guard word < end else { return nil }
      let found = words[word] >> UInt64(place & 63)
      if found != 0 { return least(level: level, place: place + found.trailingZeroBitCount) }
      // Nothing more in this word: the words behind it are the next level's question.
      place = place >> 6 + 1
    }
    return nil
  }

  /// The least number below the bit `place` of `level`.
  private func least(level: Int, place: Int) -> Int {
    var place = place
    var level = level
    while level > 0 {
      level -= 1
      place = place << 6 + words[levels[level] + place].trailingZeroBitCount
    }
    return place
  }
}
