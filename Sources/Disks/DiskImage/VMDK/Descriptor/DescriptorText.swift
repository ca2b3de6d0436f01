/// Helpers for the text of a descriptor. The text is bytes in any encoding; the parts that are parsed are ASCII.

func isSpace(_ byte: UInt8) -> Bool {
  byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
}

/// The line without surrounding white space.
func trimmed(_ line: some Collection<UInt8>) -> ArraySlice<UInt8> {
  var rest = ArraySlice(line)
  while let first = rest.first, isSpace(first) { rest.removeFirst() }
  while let last = rest.last, isSpace(last) { rest.removeLast() }
  return rest
}

/// Converts ASCII letters to lower case, and leaves other bytes as they are.
func lowercased(_ bytes: some Collection<UInt8>) -> [UInt8] {
  bytes.map { $0 >= UInt8(ascii: "A") && $0 <= UInt8(ascii: "Z") ? $0 | 0x20 : $0 }
}

/// Parses a decimal number that consists only of digits. `nil` if it is not one, or does not fit.
func decimal(_ digits: some Collection<UInt8>) -> UInt64? {
  guard !digits.isEmpty, digits.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }) else { return nil }
  return UInt64(String(decoding: digits, as: UTF8.self))
}
