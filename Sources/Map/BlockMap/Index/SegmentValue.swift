/// What a segment says: one object in few bits, and a chain of those behind it.
struct SegmentValue: Sendable {
  /// In place of an object: there is none here, or it is the first of the chain.
  static let none = UInt32.max
  /// In place of an object: this is to be looked up in the ranges themselves.
  static let tangle = UInt32.max - 1
  /// An offset in sectors has this bit, one in bytes does not.
  private static let inSectors: UInt32 = 1 << 31
  private static let sectorBits: UInt64 = 9
  /// What comes before an object's number: 0 for metadata, 1 for a directory, 2 for a file.
  private static let kindShift: UInt32 = 30
  private static let leastSpecificity: UInt8 = ObjectKind.metadata.specificity

  var first: UInt32
  var rest: UInt32
  /// Where in its object the segment begins, as `offset(from:)` gives it.
  var offset: UInt32 = 0

  static let nothing = SegmentValue(first: none, rest: OwnerChains.end)

  var hasFirst: Bool { first < Self.tangle }
  var isTangle: Bool { first == Self.tangle }

  init(first: UInt32, rest: UInt32) {
    (self.first, self.rest) = (first, rest)
  }

  init(first: UInt32, rest: UInt32, offset: UInt32) {
    (self.first, self.rest, self.offset) = (first, rest, offset)
  }

  /// - Returns: nil if the owner is not one for which the bits suffice: devices, whose length is asked for, and offsets
  ///   that are neither below 2 GiB nor, below 1 TiB, those of sectors. It must be in the chain then.
  init?(_ owner: Owner, rest: UInt32) {
    guard owner.specificity >= Self.leastSpecificity, let offset = Self.offset(from: owner.offset) else { return nil }
    first = UInt32(owner.specificity - Self.leastSpecificity) << Self.kindShift | owner.object.rawValue
    self.rest = rest
    self.offset = offset
  }

  /// The first owner, where there is one.
  /// - Parameter distance: how far behind the segment's beginning the piece is.
  @inline(__always)
  func owner(distance: UInt64) -> Owner {
    let inSectors = offset & Self.inSectors != 0
    let start = UInt64(offset & ~Self.inSectors) << (inSectors ? Self.sectorBits : 0)
    return Owner(
      object: ObjectID(rawValue: first & (1 << Self.kindShift - 1)),
      specificity: UInt8(truncatingIfNeeded: first >> Self.kindShift) &+ Self.leastSpecificity,
      offset: start &+ distance, deviceLength: 0)
  }

  private static func offset(from offset: UInt64) -> UInt32? {
    if offset < UInt64(inSectors) { return UInt32(offset) }
    let sectors = offset >> sectorBits
    guard sectors << sectorBits == offset, sectors < UInt64(inSectors) else { return nil }
    return inSectors | UInt32(sectors)
  }
}
