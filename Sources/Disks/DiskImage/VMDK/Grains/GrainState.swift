/// What a grain table says about a grain, packed into 40 bits.
struct GrainState: Equatable {
  enum Kind: UInt64 {
    /// Not in this extent: read it from the parent, or as zeros if there is no parent.
    case unallocated
    case zero
    /// The directory or table entry is invalid or cannot be read. Reading the grain gives the error.
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

  /// - Parameter unit: the location, in the units of `GrainLayout.offset`. It must be less than 2^38, which is enough
  ///   for a 32-bit sector number, and for the index of a 4 KiB grain in a file of 1 PiB.
  /// - Returns: `nil` if `unit` is too large.
  static func stored(unit: UInt64) -> GrainState? {
    unit >> (width - 2) == 0 ? GrainState(.stored, unit: unit) : nil
  }

  var kind: Kind { Kind(rawValue: bits & 3) ?? .damaged }
  /// Only meaningful for a stored grain.
  var unit: UInt64 { bits >> 2 }
}
