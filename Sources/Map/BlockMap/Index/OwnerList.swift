/// The owners of a segment, the most specific first. It is a linked list: the first owner, and where the list of the
/// others is.
///
/// Ranges mostly lie in one another, so the segments of all files in a volume share one list of others: the volume and
/// what it lies in. A list takes 16 bytes.
struct OwnerList: Sendable {
  /// Where the list of the others is. At the end, instead, how many owners are not listed.
  struct Others: Equatable, Sendable {
    private static let endBit: UInt32 = 1 << 31

    private let value: UInt32

    /// - Parameter number: below `maximumLists`.
    init(list number: Int) { value = UInt32(truncatingIfNeeded: number) }
    /// - Parameter count: at most as many as a map has ranges, which is less than the bit.
    init(unlisted count: Int) { value = UInt32(truncatingIfNeeded: count) | Self.endBit }

    /// Nil at the end.
    var list: Int? { value & Self.endBit == 0 ? Int(value) : nil }
    var unlisted: Int { list == nil ? Int(value & ~Self.endBit) : 0 }
  }

  /// How many lists `Others` can number.
  static let maximumLists = 1 << 31
  private static let equalBit: UInt32 = 1 << 31
  private static let noObject = UInt32.max

  /// What to add to an offset on the disk to get the offset in the first owner's object, modulo 2^64.
  let shift: UInt64
  /// The object's number, and a bit for `isSecondEqual`. Objects have numbers below 2^30.
  private let first: UInt32
  let others: Others

  init(_ object: ObjectID, shift: UInt64, isSecondEqual: Bool, others: Others) {
    self.shift = shift
    first = object.rawValue | (isSecondEqual ? Self.equalBit : 0)
    self.others = others
  }

  /// A list without owners, except those that are not listed.
  init(end: Others) {
    (shift, first, others) = (0, Self.noObject, end)
  }

  var isEmpty: Bool { first == Self.noObject }
  /// The first owner's.
  var object: ObjectID { ObjectID(rawValue: first & ~Self.equalBit) }
  /// Whether the second owner is as specific as the first.
  var isSecondEqual: Bool { first & Self.equalBit != 0 }
}
