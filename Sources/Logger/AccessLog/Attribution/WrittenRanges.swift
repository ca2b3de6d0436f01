/// What was written of each disk since the map was made, before the log begins.
public struct WrittenRanges: Sendable {
  private(set) var sectors: [UInt8: WrittenSectors] = [:]

  public init() {}

  /// - Parameters:
  ///   - range: in bytes; a sector of 512 bytes of which a part was written counts.
  ///   - disk: 1 for the first.
  public mutating func insert(_ range: Range<UInt64>, disk: UInt8) {
    sectors[disk, default: WrittenSectors()].insert(range)
  }
}
