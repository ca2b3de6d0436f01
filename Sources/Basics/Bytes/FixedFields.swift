/// Numbers and strings at fixed offsets of a header.
extension [UInt8] {
  /// A little-endian number, or 0 if it extends beyond the end.
  package func little(at offset: Int, width: Int) -> UInt64 {
    guard offset >= 0, width <= 8, offset <= count - width else { return 0 }
    return self[offset..<offset + width].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// A big-endian number, or 0 if it extends beyond the end.
  package func big(at offset: Int, width: Int) -> UInt64 {
    guard offset >= 0, width <= 8, offset <= count - width else { return 0 }
    return self[offset..<offset + width].reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// Whether these bytes are at this offset.
  package func has(_ bytes: some Collection<UInt8>, at offset: Int) -> Bool {
    offset <= count - bytes.count && self[offset..<offset + bytes.count].elementsEqual(bytes)
  }
}
