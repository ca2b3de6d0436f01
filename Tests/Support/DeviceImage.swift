import Filesystems

/// A device that is zero except for some bytes.
package struct DeviceImage: DeviceBytes {
  package var size: UInt64
  private var parts: [(offset: UInt64, bytes: [UInt8])] = []

  /// - Parameter parts: bytes in hexadecimal, by offset.
  package init(size: UInt64, _ parts: [(UInt64, String)] = []) {
    self.size = size
    for (offset, hex) in parts { put(hex, at: offset) }
  }

  package mutating func put(_ hex: String, at offset: UInt64) {
    let digits = Array(hex.filter { !$0.isWhitespace })
    put(
      stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(String(digits[$0...$0 + 1]), radix: 16) ?? 0 },
      at: offset)
  }

  package mutating func put(_ bytes: [UInt8], at offset: UInt64) { parts.append((offset, bytes)) }

  package struct BeyondItsEnd: Error {}

  package func bytes(at offset: UInt64, count: Int) throws -> [UInt8] {
    guard offset <= size, UInt64(count) <= size - offset else { throw BeyondItsEnd() }
    var result = [UInt8](repeating: 0, count: count)
    for part in parts {
      for (index, byte) in part.bytes.enumerated() {
        let position = part.offset + UInt64(index)
        if position >= offset, position - offset < UInt64(count) { result[Int(position - offset)] = byte }
      }
    }
    return result
  }
}
