/// The owners of a segment, the most specific first, as a linked list: the first owner, and the index of the list of
/// the others.
///
/// Ranges are mostly nested, so the segments of all files in a volume share one list of others: the volume and
/// whatever contains it. A list takes 16 bytes.
struct OwnerList: Sendable {
  /// The index of the list of the others; at the end of the list, how many owners are not listed.
  struct Others: Equatable, Sendable {
    private static let endBit: UInt32 = 1 << 31

    private let value: UInt32

    /// - Parameter number: less than `maximumLists`.
    init(list number: Int) { value = UInt32(truncatingIfNeeded: number) }
    /// - Parameter count: at most the number of ranges in a map, which is less than `endBit`.
    init(unlisted count: Int) { value = UInt32(truncatingIfNeeded: count) | Self.endBit }

    /// The index of the list; nil at the end.
    var list: Int? { value & Self.endBit == 0 ? Int(value) : nil }
    var unlisted: Int { list == nil ? Int(value & ~Self.endBit) : 0 }
  }

  /// How many lists `Others` can refer to.
  static let maximumLists = 1 << 31
  private static let equalBit: UInt32 = 1 << 31
  private static let noObject = UInt32.max

  /// The difference, modulo 2^64, between an offset in the first owner's object and the offset on the disk.
  let shift: UInt64
  /// The object's number, plus a bit for `isSecondEqual`. Object numbers are less than 2^30.
  private let first: UInt32
  let others: Others

  init(_ object: ObjectID, shift: UInt64, isSecondEqual: Bool, others: Others) {
    self.shift = shift
    first = object.rawValue | (isSecondEqual ? Self.equalBit : 0)
    self.others = others
  }

  /// Makes a list without owners, except for those that are not listed.
  init(end: Others) {
    (shift, first, others) = (0, Self.noObject, end)
  }

  var isEmpty: Bool { first == Self.noObject }
  /// The first owner's object.
  var object: ObjectID { ObjectID(rawValue: first & ~Self.equalBit) }
  /// Whether the second owner is as specific as the first.
  var isSecondEqual: Bool { first & Self.equalBit != 0 }
}
