import BlockMap
import DiskImage
import TestSupport
import Testing

@testable import Answers

@Suite struct FreeSpaceTests {
  private let lines = """
    1 0 100000 v /dev/sda
    1 1000 80000 p /dev/sda1
    1 1000 9000 u /dev/sda1
    1 3000 4000 f /dev/sda1 /inside free space
    1 9000 a000 f /dev/sda1 /a
    1 a000 d000 f /dev/sda1 /b
    1 d000 d800 u /dev/sda1
    1 80000 90800 u /dev/sda
    1 90800 100000 u /dev/sdx
    """

  private func disk(_ holes: [Range<UInt64>] = []) -> MemoryDisk {
    MemoryDisk(bytes: [UInt8](repeating: 0, count: 0x100000), holes: holes)
  }

  @Test func ofTheMapAlone() throws {
    let space = try FreeSpace(try map(lines), disks: nil)
    #expect(space.devices.map { String(decoding: $0.name, as: UTF8.self) } == ["/dev/sda1", "/dev/sda", "/dev/sdx"])
    #expect(space.devices.map(\.free) == [0x7800, 0x10800, 0x6f800])
    #expect(space.devices.map(\.ranges) == [3, 1, 1])
    #expect(space.devices.allSatisfy { $0.image == nil } && space.total.image == nil)
    #expect(space.total.free == 0x87800 && space.total.ranges == 5)
  }

  @Test func ranges() throws {
    var found: [FreeRange] = []
    try MapIndex(map(lines)).forEachFree(onDisk: 1, ObjectSelection()) { found.append($0) }
    #expect(
      found.map { [$0.start, $0.end] } == [
        [0x1000, 0x3000], [0x4000, 0x9000], [0xd000, 0xd800], [0x80000, 0x90800], [0x90800, 0x100000],
      ])
    #expect(found.map(\.device) == ["/dev/sda1", "/dev/sda1", "/dev/sda1", "/dev/sda", "/dev/sdx"])
    try MapIndex(map(lines)).forEachFree(onDisk: 2, ObjectSelection()) { _ in Issue.record("there is no disk 2") }
  }

  /// What the image stores, in whole blocks.
  @Test func ofTheImage() throws {
    var disk = disk([0x6000..<0x8000, 0x80000..<0x8f000, 0x95000..<0x100000])
    disk.bytes[0x1fff] = 1
    // In a block that is free only in part.
    disk.bytes[0x90900] = 1
    // One of the four blocks of /inside free space, /a and /b.
    disk.bytes[0xa800] = 1
    let space = try FreeSpace(try map(lines), disks: [disk])
    #expect(space.devices[0].image == FreeSpace.Image(stored: 0x5000, notZero: 0x1000, zeroInFiles: 0x4000))
    #expect(space.devices[1].image == FreeSpace.Image(stored: 0x1000, notZero: 0, zeroInFiles: 0))
    #expect(space.devices[2].image == FreeSpace.Image(stored: 0x4000, notZero: 0, zeroInFiles: 0))
    #expect(space.total.image == FreeSpace.Image(stored: 0xa000, notZero: 0x1000, zeroInFiles: 0x4000))
  }

  @Test func narrowed() throws {
    var selection = ObjectSelection(kinds: [.unallocated])
    selection.devices = [Array("/dev/sda1".utf8)]
    let space = try FreeSpace(try map(lines), disks: [disk()], onDisk: 1, selection)
    #expect(space.devices.count == 1)
    #expect(space.devices[0].image == FreeSpace.Image(stored: 0x7000, notZero: 0, zeroInFiles: 0))
  }

  /// Blocks counted one by one, on disks whose holes begin and end anywhere.
  @Test func randomHoles() throws {
    var random = Seeded(16)
    for _ in 0..<100 {
      var disk = disk()
      var position: UInt64 = 0
      while true {
        let start = position + .random(in: 1...9000, using: &random)
        let end = start + .random(in: 1...20_000, using: &random)
        guard end < disk.size else { break }
        disk.holes.append(start..<end)
        position = end
      }
      for _ in 0..<50 {
        let byte = UInt64.random(in: 0..<disk.size, using: &random)
        if !disk.holes.contains(where: { $0.contains(byte) }) { disk.bytes[Int(byte)] = 1 }
      }
      let start = UInt64.random(in: 0..<disk.size, using: &random)
      let range = start..<UInt64.random(in: start...disk.size, using: &random)
      var expected = StoredBlocks.Count()
      for block in stride(from: 0, to: disk.size, by: 4096) where block >= range.lowerBound {
        guard block + 4096 <= range.upperBound else { continue }
        guard !disk.holes.contains(where: { $0.lowerBound <= block && $0.upperBound >= block + 4096 }) else { continue }
        expected.stored += 4096
        if disk.bytes[Int(block)..<Int(block) + 4096].contains(1) { expected.notZero += 4096 }
      }
      var blocks = StoredBlocks(disk)
      #expect(try blocks.count(in: range) { _ in } == expected, "\(range) \(disk.holes)")
    }
  }

  @Test func encryptedDevicesSaySo() throws {
    let space = try FreeSpace(
      try map(
        "1 0 1000 u /dev/mapper/luks",
        header: "# disk 1 size=100000\n# device /dev/mapper/luks type=ext4 encrypted=yes\n"), disks: nil)
    #expect(space.devices.map(\.isEncrypted) == [true] && space.devices.map(\.type) == [Array("ext4".utf8)])
  }

  @Test func disksOfOtherSizes() throws {
    let map = try map(lines)
    #expect(FreeSpace.mismatch(of: map, [disk()]) == nil)
    let found = FreeSpace.mismatch(of: map, [MemoryDisk(bytes: [0])])
    #expect(found?.disk == 0 && found?.reason == "has 1 bytes, but disk 1 of the map has 1048576")
    let old = try AnswersTests.map(Array("1 0 1000 f /dev/sda1 /x\n".utf8))
    #expect(FreeSpace.mismatch(of: old, [disk()]) == nil)
    #expect(FreeSpace.mismatch(of: old, [MemoryDisk(bytes: [0])]) != nil)
  }
}
