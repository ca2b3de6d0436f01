/// The arithmetic of RAID 6, as in "The mathematics of RAID-6" (H. Peter Anvin): bytes are elements of GF(2^8) with
/// the polynomial 0x11d.
enum Syndrome {
  /// The sum (XOR) of the chunks.
  static func p(_ chunks: [[UInt8]]) -> [UInt8] {
    chunks.dropFirst().reduce(chunks.first ?? []) { sum, chunk in zip(sum, chunk).map { $0 ^ $1 } }
  }

  /// The sum of the chunks, each multiplied by two to the power of its exponent.
  static func q(_ chunks: [[UInt8]], _ exponents: [Int]) -> [UInt8] {
    p(zip(chunks, exponents).map { chunk, exponent in chunk.map { times($0, powerOfTwo: exponent) } })
  }

  private static func times(_ byte: UInt8, powerOfTwo exponent: Int) -> UInt8 {
    (0..<exponent).reduce(byte) { value, _ in value & 0x80 == 0 ? value << 1 : value << 1 ^ 0x1d }
  }

  /// All permutations of some numbers.
  static func orders(of numbers: [Int]) -> [[Int]] {
    guard numbers.count > 1 else { return [numbers] }
    return numbers.flatMap { first in orders(of: numbers.filter { $0 != first }).map { [first] + $0 } }
  }
}
