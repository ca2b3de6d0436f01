/// Numbers and strings at fixed places of a header.
extension [UInt8] {
  /// A number with its lowest byte first; what is beyond the end counts as 0.
  package func little(at offset: Int, width: Int) -> UInt64 {
    guard offset >= 0, width <= 8, offset <= count - width else { return 0 }
    return self[offset..<offset + width].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// Whether these bytes are at this place.
  package func has(_ bytes: some Collection<UInt8>, at offset: Int) -> Bool {
    offset <= count - bytes.count && self[offset..<offset + bytes.count].elementsEqual(bytes)
  }
}
