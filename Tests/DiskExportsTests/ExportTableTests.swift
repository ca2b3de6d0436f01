import BlockMap
import DiskExports
import Glibc
import SystemPackage
import Testing

/// Which devices of a map are exported, and which ranges of the disks they consist of.
struct ExportTableTests {
  private func table(_ lines: String, disks: ClosedRange<Int> = 1...2) throws -> ExportTable {
    let path = FilePath("/tmp/bmap-exports-\(UInt64.random(in: 0...UInt64.max))")
    let text =
      "# virt-bmap 2\n# disk 1 size=1000000 format=raw file=a\n# disk 2 size=1000000 format=raw file=b\n" + lines
    let file = try FileDescriptor.open(path, .writeOnly, options: [.create], permissions: [.ownerReadWrite])
    defer { _ = path.withPlatformString { unlink($0) } }
    try file.closeAfter { _ = try file.writeAll(Array(text.utf8)) }
    return ExportTable(map: try BlockMap(contentsOf: path), disks: disks)
  }

  private func names(_ table: ExportTable) -> [String] {
    table.exports.map { String(decoding: $0.name, as: UTF8.self) }
  }

  private func parts(_ table: ExportTable, _ name: String) -> [String] {
    guard case .device(let device) = table[Array(name.utf8)] else { return [] }
    return device.parts.map { "\(String($0.start, radix: 16)) \($0.disk):\(String($0.diskOffset, radix: 16))" }
      + [String(device.size, radix: 16)]
  }

  @Test func namesOfAllKinds() throws {
    let table = try table(
      """
      # device /dev/sda type=xfs
      # device /dev/sda1 type=ext4
      # device /dev/sda2 type=LVM2_member
      # device /dev/sda3 type=swap
      # device /dev/sdb1 type=vfat
      # device /dev/vg/root type=btrfs
      1 0 1000000 v /dev/sda
      1 1000 2000 p /dev/sda1
      1 2000 4000 p /dev/sda2
      1 3000 4000 l /dev/vg/root
      1 5000 6000 p /dev/sda3
      2 0 1000000 v /dev/sdb
      2 1000 2000 p /dev/sdb1

      """)
    #expect(
      names(table) == [
        "", "/dev/sda", "/dev/sdb", "disk1.xfs", "/dev/sda1", "part1.ext4", "/dev/sda2", "/dev/vg/root",
        "vg-root.btrfs", "/dev/sda3", "/dev/sdb1", "disk2-part1.vfat",
      ])
    #expect(parts(table, "part1.ext4") == ["0 1:1000", "1000"])
    #expect(parts(table, "disk2-part1.vfat") == ["0 2:1000", "1000"])
  }

  @Test func volumesArePutTogether() throws {
    let volumes = """
      1 0 1000000 v /dev/sda
      1 1000 2000 l@1000 /dev/vg/striped
      1 2000 3000 l@3000 /dev/vg/striped
      1 5000 7000 l /dev/vg/mirror
      1 8000 9000 l@1000 /dev/vg/gap
      2 0 1000000 v /dev/sdb
      2 1000 2000 l /dev/vg/striped
      2 2000 3000 l@2000 /dev/vg/striped
      2 5000 5800 l /dev/vg/mirror
      2 5800 7000 l@800 /dev/vg/mirror

      """
    let both = try table(volumes)
    #expect(parts(both, "/dev/vg/striped") == ["0 2:1000", "1000 1:1000", "2000 2:2000", "3000 1:2000", "4000"])
    #expect(parts(both, "/dev/vg/mirror").last == "2000")
    // A part of the volume is on no disk.
    #expect(both[Array("/dev/vg/gap".utf8)] == nil)
    // One leg is enough for a mirror, but not for a striped volume.
    let one = try table(volumes, disks: 1...1)
    #expect(one[Array("/dev/vg/striped".utf8)] == nil && one[Array("/dev/sdb".utf8)] == nil)
    #expect(parts(one, "/dev/vg/mirror") == ["0 1:5000", "2000"])
    // The part on one disk has no gap, but is not the whole volume.
    let span = try table("1 0 1000 l /dev/vg/span\n2 0 1000 l@1000 /dev/vg/span\n", disks: 1...1)
    #expect(span[Array("/dev/vg/span".utf8)] == nil)
    let second = try table(volumes, disks: 2...2)
    #expect(names(second).prefix(2) == ["", "/dev/sdb"])
    #expect(parts(second, "/dev/vg/mirror") == ["0 2:5000", "800 2:5800", "2000"])
  }

  @Test func ciphertextIsNotOffered() throws {
    let table = try table(
      """
      # device /dev/sda1 type=crypto_LUKS
      # device /dev/mapper/luks-1 type=ext4 encrypted=yes
      1 1000 9000 p /dev/sda1
      1 2000 9000 l /dev/mapper/luks-1

      """)
    #expect(names(table) == ["", "/dev/sda", "/dev/sdb", "/dev/sda1"])
  }

  @Test func everyByteOfAnAssemblyIsFound() throws {
    let table = try table(
      "1 1000 1800 l /dev/vg/a\n1 4000 4001 l@800 /dev/vg/a\n2 7000 9000 l@801 /dev/vg/a\n")
    guard case .device(let device) = table[Array("/dev/vg/a".utf8)] else {
      Issue.record("no volume")
      return
    }
    func location(_ offset: UInt64) -> (Int, UInt64) {
      offset < 0x800 ? (1, 0x1000 + offset) : offset == 0x800 ? (1, 0x4000) : (2, 0x7000 + offset - 0x801)
    }
    for range in [
      0..<device.size, 0x7ff..<0x802, 0x800..<0x801, 0x801..<0x900, 0..<1, device.size - 1..<device.size,
    ] {
      var position = range.lowerBound
      device.forEachPart(of: range) { part, disk, start in
        #expect(part.lowerBound == position && !part.isEmpty)
        for offset in [part.lowerBound, part.upperBound - 1] {
          #expect(location(offset) == (disk, start + (offset - part.lowerBound)))
        }
        position = part.upperBound
        return true
      }
      #expect(position == range.upperBound)
    }
  }
}
