/// Which parts of a disk were written, in sectors of 512 bytes.
///
/// A page of bits for every 2 MiB of the disk of which anything was: about 600 bytes, and 40 where all of it was. After
/// 65,536 pages, of a further 2 MiB only that anything was: then all of it counts. In all 40 MB, and 40 bytes more for each
/// 128 MiB.
struct WrittenSectors: Sendable {
  private static let sectorBits: UInt64 = 9
  private static let pageBits: UInt64 = 12

  private static let pageWords = 64
  /// Of 2 MiB that were written wholly: one for all of them.
  private static let full = [UInt64](repeating: .max, count: pageWords)

  private static let mostPages = 1 << 16

  /// By the number of their 2 MiB.
  private var pages: [UInt64: [UInt64]] = [:]
  /// A bit for each 2 MiB that has no page and counts as written; by the number of their 128 MiB.
  private var whole: [UInt64: UInt64] = [:]

  /// - Parameter range: in bytes; a sector of which a part was written counts.
  mutating func insert(_ range: Range<UInt64>) {
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
    guard pages.count < Self.mostPages || pages[page] != nil else {
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

  /// Whether the first byte of a range, which is not empty, was written, and where from it on that changes, at the
  /// latest at the range's end.
  func run(in range: Range<UInt64>) -> (isWritten: Bool, end: UInt64) {
    let first = range.lowerBound >> Self.sectorBits
    let last = (range.upperBound - 1) >> Self.sectorBits
    let isWritten = word(first) >> (first & 63) & 1 != 0
    var sector = first + 1
    while sector <= last {
      if pages[sector >> Self.pageBits] == nil, !isWritten, !isWhole(sector >> Self.pageBits) {
        sector = (sector >> Self.pageBits + 1) << Self.pageBits
        continue
      }
      let others = (isWritten ? ~word(sector) : word(sector)) >> (sector & 63)
      if others != 0 {
        sector += UInt64(others.trailingZeroBitCount)
        break
      }
      sector = (sector | 63) + 1
    }
    guard sector <= last else { return (isWritten, range.upperBound) }
    return (isWritten, sector << Self.sectorBits)
  }

  private func isWhole(_ page: UInt64) -> Bool { (whole[page >> 6] ?? 0) >> (page & 63) & 1 != 0 }

  /// The 64 sectors that one is of.
  private func word(_ sector: UInt64) -> UInt64 {
    if let page = pages[sector >> Self.pageBits] { return page[Int(sector >> 6 & 63)] }
    return isWhole(sector >> Self.pageBits) ? .max : 0
  }
}
