extension [UInt8] {
  /// The number of `count` bytes at `place`, nil where the array does not have them.
  func number(at place: Int, bytes count: Int) -> UInt64? {
    guard place >= 0, count >= 0, count <= 8, place <= self.count, self.count - place >= count else { return nil }
    return self[place..<place + count].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}
