import SystemPackage

/// A file name for use in messages. Control characters, and bytes that are not UTF-8, are written as `\ooo`, so that a
/// hostile name can neither break the line nor send escape sequences to the terminal.
func printable(_ path: FilePath) -> String {
  path.withPlatformString { name in
    var bytes: [UInt8] = []
    var next = name
    while next.pointee != 0 {
      bytes.append(UInt8(bitPattern: next.pointee))
      next += 1
    }
    return printable(bytes)
  }
}

package func printable(_ bytes: some Collection<UInt8>) -> String {
  if let text = String(validating: bytes, as: UTF8.self) {
    return text.unicodeScalars.reduce(into: "") { result, scalar in
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator:
        for byte in UTF8.encode(scalar) ?? .init() { result += octal(byte) }
      default: result.unicodeScalars.append(scalar)
      }
    }
  }
  return bytes.reduce(into: "") { result, byte in
    result += byte >= 0x20 && byte < 0x7f ? String(UnicodeScalar(byte)) : octal(byte)
  }
}

private func octal(_ byte: UInt8) -> String {
  let digits = String(byte, radix: 8)
  return "\\" + String(repeating: "0", count: 3 - digits.utf8.count) + digits
}
