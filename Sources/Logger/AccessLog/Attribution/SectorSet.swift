/// A set of sectors of 512 bytes, such as those of a disk that have been written.
///
/// There is a page of bits for every 2 MiB of the disk in which the set has any sector. It takes about 600 bytes, or 40
/// if the set has all of the 2 MiB. After 65,536 pages, any further 2 MiB counts as completely in the set as soon as
/// anything of it is. This takes at most 40 MB, and 40 bytes more for each 128 MiB.
package struct SectorSet: Sendable {
  private static let sectorBits: UInt64 = 9
  private static let pageBits: UInt64 = 12

  private static let pageWords = 64
  /// The page for any 2 MiB that is completely in the set. All of these share it.
  private static let full = [UInt64](repeating: .max, count: pageWords)

  private static let maximumPages = 1 << 16

  /// The key is the number of the 2 MiB range.
  private var pages: [UInt64: [UInt64]] = [:]
  /// One bit for each 2 MiB range that has no page and counts as in the set. The key is the number of the 128 MiB range.
  private var whole: [UInt64: UInt64] = [:]

  package init() {}

  /// Whether a range is one that a set can take in a short time: at most 64 GiB, and below a pebibyte. A hostile log can
  /// name any range, but requests are shorter and disks smaller: the largest VMDK has 62 TiB.
  package static func canTake(_ range: Range<UInt64>) -> Bool {
    range.upperBound <= 1 << 50 && range.upperBound - range.lowerBound <= 1 << 36
  }

  /// - Parameter range: in bytes; a sector is in the set if any part of it was inserted.
  package mutating func insert(_ range: Range<UInt64>) {
    guard !range.isEmpty else { return }
    var sector = range.lowerBound >> Self.sectorBits
    let last = (range.upperBound - 1) >> Self.sectorBits
    while sector <= last {
      let page = sector >> Self.pageBits
      let end = min(last, (page + 1) << Self.pageBits - 1)
      insert(Int(sector & 0xfff)...Int(end & 0xfff), page: page)
      sector = end + 1
    }
  }

  private mutating func insert(_ bits: ClosedRange<Int>, page: UInt64) {
    guard pages.count < Self.maximumPages || pages[page] != nil else {
      whole[page >> 6, default: 0] |= 1 << (page & 63)
      return
    }
    guard bits.count < 64 * Self.pageWords else {
      pages[page] = Self.full
      return
    }
    Self.set(bits, in: &pages[page, default: Array(repeating: 0, count: Self.pageWords)])
    if pages[page] == Self.full { pages[page] = Self.full }
  }

  private static func set(_ bits: ClosedRange<Int>, in words: inout [UInt64]) {
    for word in bits.lowerBound / 64...bits.upperBound / 64 {
      let low = max(bits.lowerBound - word * 64, 0)
      let high = min(bits.upperBound - word * 64, 63)
      words[word] |= (UInt64.max >> UInt64(63 - high)) & (UInt64.max << UInt64(low))
    }
  }

  /// Whether the first byte of a range is in the set, and the offset at which this changes, or the end of the range. The
  /// range must not be empty.
  package func run(in range: Range<UInt64>) -> (contains: Bool, end: UInt64) {
    let first = range.lowerBound >> Self.sectorBits
    let last = (range.upperBound - 1) >> Self.sectorBits
    let contains = word(first) >> (first & 63) & 1 != 0
    var sector = first + 1
    while sector <= last {
      if pages[sector >> Self.pageBits] == nil, !contains, !isWhole(sector >> Self.pageBits) {
        sector = (sector >> Self.pageBits + 1) << Self.pageBits
        continue
      }
      let others = (contains ? ~word(sector) : word(sector)) >> (sector & 63)
      if others != 0 {
        sector += UInt64(others.trailingZeroBitCount)
        break
      }
      sector = (sector | 63) + 1
    }
    guard sector <= last else { return (contains, range.upperBound) }
    return (contains, sector << Self.sectorBits)
  }

  private func isWhole(_ page: UInt64) -> Bool { (whole[page >> 6] ?? 0) >> (page & 63) & 1 != 0 }

  /// The word of 64 sectors that contains this one.
  private func word(_ sector: UInt64) -> UInt64 {
    if let page = pages[sector >> Self.pageBits] { return page[Int(sector >> 6 & 63)] }
    return isWhole(sector >> Self.pageBits) ? .max : 0
  }
}
