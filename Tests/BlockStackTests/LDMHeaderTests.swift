import Testing

@testable import BlockStack

@Suite struct LDMHeaderTests {
  private static let size: UInt64 = 50 << 20

  /// The numbers of a disk that Windows Server 2003 made.
  private func database(
    type: UInt8 = 0x42, magic: String = "PRIVHEAD", start: UInt64 = 0x18800, length: UInt64 = 0x800,
    size: UInt64 = size
  ) -> Range<UInt64>? {
    func big(_ number: UInt64) -> [UInt8] { (0..<8).reversed().map { UInt8(truncatingIfNeeded: number >> (8 * $0)) } }
    var disk = [UInt8](repeating: 0, count: 8 * 512)
    func put(_ bytes: [UInt8], at offset: Int) { disk.replaceSubrange(offset..<offset + bytes.count, with: bytes) }
    put([1, 1, 0, type, 0xfe, 0x3f, 5, 0x3f, 0, 0, 0, 0x47, 0x78, 1, 0], at: 447)
    put([0x55, 0xaa], at: 510)
    put(Array(magic.utf8), at: 6 * 512)
    put(big(start) + big(length), at: 6 * 512 + 0x12b)
    let bytes = TableBytes(size: size) { offset, count in
      offset + UInt64(count) <= UInt64(disk.count) ? Array(disk[Int(offset)..<Int(offset) + count]) : nil
    }
    let table = DiskTable.read(bytes, .bytes512)
    #expect(table.kind == .mbr)
    return table.dynamicDatabase
  }

  @Test func theDatabaseIsAtTheEnd() { #expect(database() == 49 << 20..<50 << 20) }

  @Test func otherDisks() {
    #expect(database(type: 7) == nil && database(magic: "PRIVATE") == nil)
  }

  @Test func damage() {
    #expect(database(length: 0) == nil && database(size: 50 << 20 - 512) == nil)
    for number in [UInt64.max, 1 << 63, 1 << 55, 0x18801] {
      #expect(database(start: number) == nil)
      #expect(database(length: number) == nil)
    }
  }
}
