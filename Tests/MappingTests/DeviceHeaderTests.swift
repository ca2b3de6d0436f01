import BlockStack
import TestSupport
import Testing

@testable import Filesystems
@testable import Mapping

/// The headers of devices that nothing assembles, as their own tools wrote them.
@Suite struct DeviceHeaderTests {
  /// One line per area: `KIND START END NAME`, in decimal.
  private func lines(_ header: DeviceHeader, _ device: DeviceImage) throws -> [String] {
    try header.areas(on: device).map { area in
      "\(Character(Unicode.Scalar(area.kind.rawValue))) \(area.range.lowerBound) \(area.range.upperBound) \(area.name ?? "-")"
    }
  }

  private func verity(
    size: UInt64, data: UInt64, block: UInt64 = 4096, algorithm: String = "sha256", version: UInt8 = 1
  ) -> DeviceImage {
    var image = DeviceImage(size: size)
    image.put(Array("verity\0\0".utf8) + [version, 0, 0, 0, 1], at: 0)
    image.put(Array(algorithm.utf8), at: 32)
    image.put("00100000", at: 64)
    image.put((0..<4).map { UInt8(truncatingIfNeeded: block >> (8 * $0)) }, at: 68)
    image.put((0..<8).map { UInt8(truncatingIfNeeded: data >> (8 * $0)) }, at: 72)
    return image
  }

  /// The sizes are those of the files that veritysetup(8) made.
  @Test(
    arguments: [
      (1, 4096, "sha256", 4096), (2, 4096, "sha256", 8192), (128, 4096, "sha256", 8192),
      (129, 4096, "sha256", 16384), (129, 1024, "sha256", 7168), (4096, 4096, "sha256", 139_264),
      (20000, 4096, "sha256", 659_456), (20000, 1024, "sha256", 662_528), (20000, 4096, "sha1", 659_456),
      (20000, 4096, "sha512", 1_310_720),
    ] as [(UInt64, UInt64, String, UInt64)])
  func verityHashes(data: UInt64, block: UInt64, algorithm: String, size: UInt64) throws {
    let tree = size > block ? ["m \(block) \(size) verity hash tree"] : []
    let expected = ["m 0 \(block) verity superblock"] + tree
    #expect(try lines(.verity, verity(size: size, data: data, block: block, algorithm: algorithm)) == expected)
    // What is behind the tree may be an error-correction code.
    #expect(try lines(.verity, verity(size: size + 8192, data: data, block: block, algorithm: algorithm)) == expected)
  }

  @Test func damagedVerityHashes() throws {
    let superblock = ["m 0 4096 verity superblock"]
    #expect(try lines(.verity, verity(size: 1 << 20, data: .max)) == superblock)
    #expect(try lines(.verity, verity(size: 12288, data: 129)) == superblock)
    #expect(try lines(.verity, verity(size: 1 << 20, data: 9, algorithm: "none")) == superblock)
    for block: UInt64 in [0, 256, 5000, 1 << 20, 1 << 31] {
      #expect(try lines(.verity, verity(size: 1 << 20, data: 9, block: block)) == [])
    }
    #expect(try lines(.verity, verity(size: 1 << 20, data: 9, version: 2)) == [])
    #expect(try lines(.verity, DeviceImage(size: 100)) == [] && lines(.verity, DeviceImage(size: 1 << 20)) == [])
  }

  private func bcache(_ version: UInt8, _ parts: [(UInt64, String)] = [], size: UInt64 = 16 << 20) -> DeviceImage {
    var image = DeviceImage(size: size, [(4096 + 24, "c68573f64e1a45ca8265f57f48ba6d81")])
    image.put([version], at: 4096 + 16)
    for (offset, bytes) in parts { image.put(bytes, at: 4096 + offset) }
    return image
  }

  /// What make-bcache(8) wrote, and the limits.
  @Test func bcacheHeaders() throws {
    #expect(try lines(.bcache, bcache(1)) == ["m 0 8192 bcache header"])
    #expect(try lines(.bcache, bcache(4, [(184, "0008000000000000")])) == ["m 0 1048576 bcache header"])
    let cache = [(184, "0002000000000000"), (192, "08000004010000000000000001000000")] as [(UInt64, String)]
    #expect(try lines(.bcache, bcache(0, cache)) == ["m 0 524288 bcache header"])
    #expect(try lines(.bcache, bcache(0, cache, size: 500_000)) == [])
    #expect(try lines(.bcache, bcache(4, [(184, "ffffffffffffffff")])) == [])
    #expect(try lines(.bcache, bcache(4)) == [] && lines(.bcache, bcache(9)) == [])
    #expect(try lines(.bcache, DeviceImage(size: 4096)) == [] && lines(.bcache, DeviceImage(size: 1 << 20)) == [])
  }

  private func drbd(_ tail: String, size: UInt64 = 16 << 20) -> DeviceImage {
    DeviceImage(size: size, [(size / 4096 * 4096 - 4096 + 56, tail)])
  }

  /// What drbdmeta(8) wrote for versions 8.4 and 9, and the limits. It prints the offset of the bitmap, 16736256.
  @Test func metadataOfDRBD() throws {
    let v8 = "00000000 8374026b 00000050 ffffffc0 00000101 ffffffb8 00001000"
    let v9 = "00000080 8374026d 00000050 ffffffc0 00000101 ffffffb8 00001000"
    #expect(try lines(.drbd, drbd(v8)) == ["m 16736256 16777216 DRBD metadata"])
    #expect(try lines(.drbd, drbd(v9)) == ["m 16736256 16777216 DRBD metadata"])
    #expect(try lines(.drbd, drbd(v9, size: 16 << 20 + 512)) == ["m 16736256 16777728 DRBD metadata"])
    #expect(try lines(.drbd, drbd(v9, size: 16384)) == [])
    // Positive distances are those of metadata on another device.
    #expect(try lines(.drbd, drbd("00000000 8374026b 00000050 00000008 00000101 00000048")) == [])
    #expect(try lines(.drbd, drbd("00000000 8374026b 00000050 80000000 00000101 80000000")) == [])
    #expect(try lines(.drbd, drbd("")) == [] && lines(.drbd, DeviceImage(size: 4095)) == [])
  }
}
