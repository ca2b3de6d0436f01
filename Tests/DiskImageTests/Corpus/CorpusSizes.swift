/// Disk sizes that each kind is tested with.
enum CorpusSizes {
  /// Sizes around a sector, a grain and a grain table; all in bytes.
  static func small(grain: UInt64, table: UInt64) -> [UInt64] {
    let borders: [UInt64] = [
      512, grain - 512, grain, grain + 512, table - 512, table, table + 512, 2 * table + 3 * grain + 512,
    ]
    return Set(borders.filter { $0 > 0 }).sorted()
  }

  static let aroundTwoGiB: [UInt64] = [(2 << 30) - 512, 2 << 30, (2 << 30) + 512]
  static let aroundTwoTiB: [UInt64] = [(2 << 40) - 512, 2 << 40, (2 << 40) + 512]
  /// The largest disk that VMware supports.
  static let largest: UInt64 = 62 << 40
}
