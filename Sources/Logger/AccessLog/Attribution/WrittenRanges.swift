/// What was written on each disk after the map was made and before the log begins.
public struct WrittenRanges: Sendable {
  private(set) var sectors: [UInt8: SectorSet] = [:]

  public init() {}

  /// - Parameters:
  ///   - range: in bytes; a sector of 512 bytes counts if any part of it was written.
  ///   - disk: 1 for the first.
  public mutating func insert(_ range: Range<UInt64>, disk: UInt8) {
    sectors[disk, default: SectorSet()].insert(range)
  }
}
