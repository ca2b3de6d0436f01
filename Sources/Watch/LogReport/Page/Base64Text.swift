import Bytes
import FoundationEssentials

/// Bytes as base64 (RFC 4648).
enum Base64Text {
  /// A multiple of 3, so that pieces of this size can stand one after the other.
  private static let pieceBytes = 3 << 16

  static func append(_ bytes: [UInt8], to output: inout [UInt8]) {
    output.append(contentsOf: Data(bytes).base64EncodedData())
  }

  /// Writes numbers as little-endian bytes, as JavaScript's typed arrays have them on all usual machines.
  static func write<Output: TextOutput & ~Copyable, Number: FixedWidthInteger>(
    _ count: Int, to output: inout Output, _ number: (Int) -> Number
  ) throws {
    var piece: [UInt8] = []
    piece.reserveCapacity(pieceBytes + 8)
    for index in 0..<count {
      var value = number(index).littleEndian
      withUnsafeBytes(of: &value) { piece.append(contentsOf: $0) }
      // A piece can only end where a number does.
      if piece.count >= pieceBytes, piece.count.isMultiple(of: 3) {
        try output.append { append(piece, to: &$0) }
        piece.removeAll(keepingCapacity: true)
      }
    }
    try output.append { append(piece, to: &$0) }
  }
}
