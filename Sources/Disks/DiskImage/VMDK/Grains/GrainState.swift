/// What a grain table says of a grain, in 40 bits.
struct GrainState: Equatable {
  enum Kind: UInt64 {
    /// Not in this extent: the parent has it, and without one it is zeros.
    case unallocated
    case zero
    /// The tables cannot be right. Reading the grain says how.
    case damaged
    case stored
  }

  let bits: UInt64
  static let width: UInt64 = 40

  init(bits: UInt64) { self.bits = bits }

  private init(_ kind: Kind, unit: UInt64 = 0) { bits = unit << 2 | kind.rawValue }

  static let unallocated = GrainState(.unallocated)
  static let zero = GrainState(.zero)
  static let damaged = GrainState(.damaged)

  /// - Parameter unit: where, in what `GrainLayout.place` counts; below 2^38, which holds a sector's number of 32 bits
  ///   and a 4 KiB grain's in a file of 1 PiB.
  /// - Returns: nil for a larger one.
  static func stored(unit: UInt64) -> GrainState? {
    unit >> (width - 2) == 0 ? GrainState(.stored, unit: unit) : nil
  }

  var kind: Kind { Kind(rawValue: bits & 3) ?? .damaged }
  /// Of a stored grain.
  var unit: UInt64 { bits >> 2 }
}
