extension [UInt8] {
  /// The little-endian number in `count` bytes, at most 8, from `offset` on; nil if the array is too short.
  func number(at offset: Int, bytes count: Int) -> UInt64? {
    guard offset >= 0, count >= 0, count <= 8, offset <= self.count, self.count - offset >= count else { return nil }
    return self[offset..<offset + count].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}
