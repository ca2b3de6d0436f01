import Testing

@testable import BlockStack

/// Metadata that mdadm wrote, with what `mdadm --examine` says about it.
@Suite struct IMSMMetadataTests {
  /// RAID 1 and RAID 0 on the same two disks.
  static let two = sectors(
    [
      0: "496e74656c20526169642049534d20436667205369672e20312e332e30300000298d3f9a88020000aca79e6a11000000",
      52: "0300008002020000", 64: "aca79e6a01000000", 76: "010000000e0a0e6b", 216: "6b620000",
      232: "000002000001000202000000", 264: "6b610000", 280: "000002000000000202000000", 312: "6d6972726f720000",
      328: "00980000", 336: "0c000000", 352: "01000000", 360: "00000500", 428: "00a0000098000000800000010202ff01",
      476: "010000007374726970657300", 496: "00300200", 504: "0c000000", 520: "02000000", 528: "00000500",
      592: "00b800000020010030020000800000000201ff01", 644: "01000000",
    ])
  static let five = sectors(
    [
      0: "496e74656c20526169642049534d20436667205369672e20312e322e303200006e77a4c914020000490bc7b918000000",
      52: "0000008003010000", 64: "490bc7b901000000", 76: "010000001c0a0e6b", 216: "6b630000",
      232: "000002000002000202000000", 264: "6b640000", 280: "000002000003000202000000", 312: "6b650000",
      328: "000002000004000202000000", 360: "7061726974790000", 376: "00300100", 384: "0c000000", 400: "01000000",
      408: "00000500", 476: "00a0000030010000800000050301ff01", 524: "0100000002000000",
    ])
  static let ten = sectors(
    [
      0: "496e74656c20526169642049534d20436667205369672e20312e322e30310000c6093f8748020000a14d154e11000000",
      52: "0000008004010000", 64: "a14d154e01000000", 76: "010000002d0a0e6b", 216: "6b660000",
      232: "000002000005000202000000", 264: "6b690000", 280: "000002000008000202000000", 312: "6b670000",
      328: "000002000006000202000000", 360: "6b680000", 376: "000002000007000202000000", 408: "74656e00",
      424: "00300100", 432: "0c000000", 448: "01000000", 456: "00000500", 524: "00a0000098000000800000010402ff01",
      572: "010000000200000003000000",
    ])

  /// The bytes that are not zero, by their offset, as hexadecimal digits.
  private static func sectors(_ parts: [Int: String]) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 1024)
    for (offset, digits) in parts {
      for (index, start) in stride(from: 0, to: digits.utf8.count, by: 2).enumerated() {
        bytes[offset + index] = UInt8(digits.dropFirst(start).prefix(2), radix: 16) ?? 0
      }
    }
    return bytes
  }

  /// Makes the checksum right.
  private func sealed(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    let length = Int(bytes.little(at: 36, width: 4))
    bytes.replaceSubrange(32..<36, with: [0, 0, 0, 0])
    let sum = stride(from: 0, to: min(length, bytes.count - 3) / 4 * 4, by: 4)
      .reduce(UInt64(0)) { $0 &+ bytes.little(at: $1, width: 4) }
    for index in 0..<4 { bytes[32 + index] = UInt8(truncatingIfNeeded: sum >> (8 * UInt64(index))) }
    return bytes
  }

  @Test func twoArraysOnTheSameDisks() throws {
    let metadata = try #require(IMSMMetadata(Self.two))
    #expect(metadata.family == 0x6a9e_a7ac && metadata.generation == 0x11)
    #expect(metadata.ports == [0x0200_0100, 0x0200_0000])
    #expect(metadata.volumes.map { String(decoding: $0.name, as: UTF8.self) } == ["mirror", "stripes"])
    #expect(metadata.volumes.map(\.level) == [1, 0])
    #expect(metadata.volumes.map(\.offset) == [0, 47104])
    #expect(metadata.volumes.map(\.size) == [38912, 143360 / 2])
    #expect(metadata.volumes.allSatisfy { $0.chunk == 65536 && $0.slots == [0, 1] && !$0.isChanging })
    // The first disk in the metadata is at the second port.
    #expect(metadata.volumes.map { metadata.members(of: $0, found: 2) } == [[1, 0], [1, 0]])
    // A mirror needs only one of its disks.
    #expect(metadata.volumes.map { metadata.members(of: $0, found: 1) } == [[0, nil], nil])
  }

  @Test func parityAndMirroredStripes() throws {
    let (five, ten) = (try #require(IMSMMetadata(Self.five)), try #require(IMSMMetadata(Self.ten)))
    #expect(five.volumes.map(\.level) == [5] && ten.volumes.map(\.level) == [10])
    #expect(five.volumes.map(\.size) == [38912] && ten.volumes.map(\.size) == [38912])
    #expect(five.members(of: five.volumes[0], found: 3) == [0, 1, 2])
    #expect(five.members(of: five.volumes[0], found: 2) == nil)
    #expect(five.members(of: five.volumes[0], found: 4) == nil)
    #expect(ten.members(of: ten.volumes[0], found: 4) == [0, 3, 1, 2])
  }

  @Test func whatIsDamaged() throws {
    #expect(IMSMMetadata([]) == nil && IMSMMetadata.size(from: []) == nil)
    #expect(IMSMMetadata(Array(Self.two.prefix(512))) == nil)
    for index in 0..<600 where index != 34 {
      var bytes = Self.two
      bytes[index] ^= 0xff
      #expect(IMSMMetadata(bytes) == nil, "\(index)")
    }
    // The size, the number of disks, of arrays, and of members.
    for (index, value) in [(36, 0), (39, 0xff), (56, 0xff), (57, 0xff), (440, 0xff)] as [(Int, UInt8)] {
      var bytes = Self.two
      bytes[index] = value
      #expect(IMSMMetadata(sealed(bytes)) == nil, "\(index)")
    }
    var bytes = Self.five
    bytes[527] = 1
    let failed = try #require(IMSMMetadata(sealed(bytes)))
    #expect(failed.members(of: failed.volumes[0], found: 3) == [0, nil, 2])
    bytes = Self.five
    bytes[488] = 0
    #expect(try #require(IMSMMetadata(sealed(bytes))).volumes.isEmpty)
  }
}
