extension [UInt8] {
  /// The little-endian number in `count` bytes, at most 8, from the index `place`; nil if the array is too short.
  func number(at place: Int, bytes count: Int) -> UInt64? {
    guard place >= 0, count >= 0, count <= 8, place <= self.count, self.count - place >= count else { return nil }
    return self[place..<place + count].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}
