/// A hash of raw bytes, eight at a time, for the tables that store each name once.
///
/// The seed is random for every table: the names come from a guest, which could otherwise choose a million names that
/// collide.
struct ByteHash: Sendable {
  private let seed: UInt64

  init() {
    seed = UInt64.random(in: .min ... .max)
  }

  /// The hash of `bytes`. Different salts give unrelated hashes.
  @inline(__always)
  func callAsFunction(_ bytes: UnsafeRawBufferPointer, salt: UInt64) -> UInt32 {
    var state = Self.mix(seed ^ UInt64(truncatingIfNeeded: bytes.count), salt ^ 0xa076_1d64_78bd_642f)
    var offset = 0
    while offset &+ 8 <= bytes.count {
      state = Self.mix(
        state ^ bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self), seed ^ 0xe703_7ed1_a0b4_28db)
      offset &+= 8
    }
    var tail: UInt64 = 0
    while offset < bytes.count {
      tail = tail << 8 | UInt64(bytes[offset])
      offset &+= 1
    }
    state = Self.mix(state ^ tail, seed ^ 0x8ebc_6af0_9c88_c6e3)
    return UInt32(truncatingIfNeeded: state ^ state >> 32)
  }

  @inline(__always)
  private static func mix(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let product = a.multipliedFullWidth(by: b)
    return product.high ^ product.low
  }
}
