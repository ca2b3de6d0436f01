import Testing

@testable import Appliance

/// Finds the files that an image's header refers to, whatever else it contains. The integration tests use complete
/// images made by `qemu-img`; these are the unusual ones.
@Suite struct ImageReferencesTests {
  private func big(_ value: UInt64, _ width: Int) -> [UInt8] {
    (0..<width).reversed().map { UInt8(truncatingIfNeeded: value >> (UInt64($0) * 8)) }
  }

  private func qcow(version: UInt64, offset: UInt64, size: UInt64, features: UInt64) -> [UInt8] {
    Array("QFI".utf8) + [0xfb] + big(version, 4) + big(offset, 8) + big(size, 4) + [UInt8](repeating: 0, count: 52)
      + big(features, 8) + [UInt8](repeating: 0, count: 24)
  }

  private func find(_ image: [UInt8]) -> ImageReferences? {
    ImageReferences.find(inHeader: Array(image.prefix(ImageReferences.headerSize))) { offset, count in
      #expect(count <= ImageReferences.longestName)
      return offset < UInt64(image.count) ? Array(image[Int(offset)...].prefix(count)) : []
    }
  }

  @Test func qcow2() {
    let name = Array("../base".utf8) + [0xff]
    for version: UInt64 in [1, 2, 3, 9] {
      #expect(find(qcow(version: version, offset: 0, size: 8, features: 0) + name) == nil)
      #expect(find(qcow(version: version, offset: 104, size: 8, features: 0) + name) == .backingFile(name))
      // A name at an invalid offset, or longer than allowed, still counts as a backing file.
      #expect(find(qcow(version: version, offset: .max, size: 0xffff_ffff, features: 0)) == .backingFile([]))
      #expect(find(qcow(version: version, offset: 104, size: 0xffff_ffff, features: 0) + name) == .backingFile(name))
      // Version 2 has other data in place of the features.
      let withData = find(qcow(version: version, offset: 0, size: 0, features: 4))
      #expect(withData == (version < 3 ? nil : .dataFile))
    }
  }

  @Test func shortOnes() {
    let whole = qcow(version: 3, offset: 104, size: 4, features: 4)
    for count in 0..<whole.count { _ = find(Array(whole[..<count])) }
    #expect(find([]) == nil && find([0x51, 0x46, 0x49, 0xfb]) == nil)
  }

  @Test func qed() {
    func image(_ features: UInt8) -> [UInt8] {
      var bytes = Array("QED".utf8) + [UInt8](repeating: 0, count: 61) + Array("base".utf8)
      bytes[16] = features
      bytes[56] = 64
      bytes[60] = 4
      return bytes
    }
    #expect(find(image(0)) == nil && find(image(2)) == nil)
    #expect(find(image(1)) == .backingFile(Array("base".utf8)) && find(image(5)) != nil)
  }

  @Test func vpc() {
    func image(_ type: UInt8) -> [UInt8] {
      Array("conectix".utf8) + [UInt8](repeating: 0, count: 55) + [type] + [UInt8](repeating: 0, count: 448)
    }
    #expect(find(image(2)) == nil && find(image(3)) == nil && find(image(4)) == .ignoredParent)
  }
}
