import Bytes

@testable import BlockStack

/// Blocks of device-mapper's persistent data in memory.
struct MetadataImage {
  var bytes = [UInt8](repeating: 0, count: 1 << 20)

  /// - Parameter lines: lines with an offset and the bytes there, in hexadecimal. All other bytes are zeros.
  init(_ lines: String) {
    for line in lines.split(separator: "\n") {
      let fields = line.split(separator: " ")
      guard var offset = Int(fields[0], radix: 16) else { continue }
      var digits = fields[1]
      while !digits.isEmpty {
        bytes[offset] = UInt8(digits.prefix(2), radix: 16) ?? 0
        digits = digits.dropFirst(2)
        offset += 1
      }
    }
  }

  mutating func put(_ value: UInt64, at offset: Int, width: Int) {
    for index in 0..<width { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index))) }
  }

  /// Makes the checksum of a block right.
  mutating func seal(_ block: Int, _ seed: UInt32) {
    let content = bytes[block * 4096 + 4..<(block + 1) * 4096]
    put(UInt64(~CRC32.castagnoli.checksum(content) ^ seed), at: block * 4096, width: 4)
  }

  func block(_ number: UInt64) throws -> [UInt8] {
    guard number < 256 else { throw ThinMetadata.Failure.damaged(block: number) }
    return Array(bytes[Int(number) * 4096..<(Int(number) + 1) * 4096])
  }
}
