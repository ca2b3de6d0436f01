/// Helpers for the descriptor's text, which is bytes in an encoding of its own; what is parsed of it is ASCII.

func isSpace(_ byte: UInt8) -> Bool {
  byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
}

/// The line without the white space around it.
func trimmed(_ line: some Collection<UInt8>) -> ArraySlice<UInt8> {
  var rest = ArraySlice(line)
  while let first = rest.first, isSpace(first) { rest.removeFirst() }
  while let last = rest.last, isSpace(last) { rest.removeLast() }
  return rest
}

/// ASCII letters in lower case, all else as it is.
func lowercased(_ bytes: some Collection<UInt8>) -> [UInt8] {
  bytes.map { $0 >= UInt8(ascii: "A") && $0 <= UInt8(ascii: "Z") ? $0 | 0x20 : $0 }
}

/// A decimal number of digits only; nil where it is none or does not fit.
func decimal(_ digits: some Collection<UInt8>) -> UInt64? {
  guard !digits.isEmpty, digits.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }) else { return nil }
  return UInt64(String(decoding: digits, as: UTF8.self))
}
