/// What lies behind the most specific range of a segment, as chains: each range has one that comes next, wherever it
/// lies, if ranges lie in one another as a file does in its partition.
struct OwnerChains: Sendable {
  /// No link: the chain ends.
  static let end = UInt32.max

  struct Link: Sendable {
    /// To be added to a byte of the disk, it gives the byte of the object.
    var offset: UInt64
    /// As `Owner` has it.
    var deviceLength: UInt64
    var object: ObjectID
    /// The number of the next link.
    var next: UInt32
    var specificity: UInt8
  }

  private(set) var links: [Link] = []

  /// Adds a link for a range, and gives its number.
  mutating func append(_ mapped: MappedRange, _ kind: ObjectKind, next: UInt32) -> UInt32 {
    let owner = Owner(mapped, kind, at: 0)
    links.append(
      Link(
        offset: owner.offset, deviceLength: owner.deviceLength, object: owner.object, next: next,
        specificity: owner.specificity))
    return UInt32(truncatingIfNeeded: links.count - 1)
  }
}
