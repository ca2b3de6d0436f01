import Testing

@testable import GuestWalker

@Suite struct InlineDataTests {
  /// An inode of 256 bytes with attributes, each with a name index, a name and a value size. Values are allocated
  /// from the end downwards.
  private func inode(_ attributes: [(index: UInt8, name: String, size: Int)], extra: UInt8 = 32) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 256)
    bytes[128] = extra
    let header = 128 + Int(extra)
    bytes.replaceSubrange(header..<header + 4, with: [0, 0, 2, 0xea])
    var offset = header + 4
    var end = 256
    for (index, name, size) in attributes {
      end -= (size + 3) / 4 * 4
      bytes[offset] = UInt8(name.utf8.count)
      bytes[offset + 1] = index
      bytes[offset + 2] = UInt8(end - header - 4)
      bytes[offset + 8] = UInt8(size)
      bytes.replaceSubrange(offset + 16..<offset + 16 + name.utf8.count, with: Array(name.utf8))
      offset += (16 + name.utf8.count + 3) / 4 * 4
    }
    return bytes
  }

  @Test func theRestIsAnAttribute() {
    #expect(InlineData.rest(in: inode([(7, "data", 30)])) == 224..<254)
    #expect(InlineData.rest(in: inode([(1, "abc", 5), (7, "data", 12)])) == 236..<248)
  }

  @Test func thereIsNone() {
    #expect(InlineData.rest(in: inode([])) == nil)
    // An empty value, as for a file of less than 60 bytes, then other names.
    #expect(InlineData.rest(in: inode([(7, "data", 0)])) == nil)
    #expect(InlineData.rest(in: inode([(1, "data", 8), (7, "date", 8)])) == nil)
    #expect(InlineData.rest(in: []) == nil && InlineData.rest(in: [UInt8](repeating: 0, count: 128)) == nil)
    #expect(InlineData.rest(in: [UInt8](repeating: 0, count: 256)) == nil)
  }

  @Test func whateverIsInTheInode() {
    var state: UInt64 = 3
    func random() -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 40)
    }
    var found = 0
    for _ in 0..<20_000 {
      var bytes = inode([(1, "abc", 5), (7, "data", 12)])
      for _ in 0..<1 + random() % 4 {
        bytes[128 + random() % 128] = [0, 1, 0x7f, 0xff, UInt8(random() % 256)][random() % 5]
      }
      guard let range = InlineData.rest(in: bytes) else { continue }
      found += 1
      #expect(range.lowerBound >= 128 && range.upperBound <= 256)
    }
    #expect(found > 1000)
  }
}
