import BlockMap
import DiskImage
import Foundation
import SystemPackage
import Testing

@testable import BlockStack
@testable import FileProof
@testable import Verification

/// The checks that decide whether a map is correct.
@Suite struct VerificationTests {
  /// A mirror (9:0) of two 1 MiB partitions, at 1 MiB and at 3 MiB.
  private let mirror = DeviceTable(
    parsing: """
      device 8:0 - - 16384
      device 8:1 8:0 2048 2048
      device 8:2 8:0 6144 2048
      disk 8:0 1
      device 9:0 - - 2048
      table 9:0 0 2048 mirror core 1 1024 2 8:1 0 8:2 0
      """)

  private func range(_ start: UInt64, _ count: UInt64, at offset: UInt64 = 0) throws -> MappedRange {
    var builder = BlockMapBuilder()
    let object = builder.addObject(kind: .file, device: [1], path: [1])
    return MappedRange(disk: 1, range: start..<start + count, objectOffset: offset, object: try #require(object))
  }

  @Test func everyCopyHasToBeThere() throws {
    let check = CopyCheck(table: mirror, device: "9:0")
    let (first, second) = (try range(0x101000, 0x2000, at: 0x500), try range(0x301000, 0x2000, at: 0x500))
    #expect(check.problem(of: [first, second]) == nil)
    #expect(check.problem(of: [first]) == "a copy is missing: disk 1 at 301000")
    #expect(check.problem(of: [second]) == "a copy is missing: disk 1 at 101000")
    // The second leg in two ranges, then only the first of the two.
    let parts = [try range(0x301000, 0x1000, at: 0x500), try range(0x302000, 0x1000, at: 0x1500)]
    #expect(check.problem(of: [first] + parts) == nil)
    #expect(check.problem(of: [first, parts[0]]) == "a copy is missing: disk 1 at 302000")
    // The range is there, but for another offset in the file.
    #expect(check.problem(of: [first, try range(0x301000, 0x2000)]) == "a copy is missing: disk 1 at 301000")
    #expect(check.problem(of: [first, try range(0x301000, 0x2000)], isEncoded: true) == nil)
    #expect(check.problem(of: [try range(0x200000, 0x200)]) == "disk 1 at 200000 is not on the filesystem's device")
    #expect(check.problem(of: []) == nil)
  }

  @Test func anExtentAsFilefragTellsIt() throws {
    let extent = try #require(
      GuestExtent(line: "   2:      256..     511:      26624..     26879:    256:      26112: last,encoded,shared,eof")
    )
    #expect(extent.logical == 0x20000..<0x40000 && extent.physical == 26624 * 512 && extent.isEncoded)
    let inline = try #require(
      GuestExtent(line: "   0:        0..       7:          0..         7:      8:  last,inline,eof"))
    #expect(inline.isInline && inline.logical == 0..<4096)
    for line in [
      " ext:     logical_offset:        physical_offset: length:   expected: flags:", "/dev/fd/10: 1 extent found",
      "   0:        0..       7:          0..         7:      0:  last", "",
      "   0:        0..       7:    99999999999999999..         7:      8:  last",
    ] {
      #expect(GuestExtent(line: line[...]) == nil, "\(line)")
    }
  }

  private func extent(_ logical: Int, _ physical: Int, _ count: Int, _ flags: String = "") throws -> GuestExtent {
    try #require(
      GuestExtent(
        line: "   0: \(logical / 512).. 0: \(physical / 512).. 0: \(count / 512): \(flags)"))
  }

  /// The filesystem's word alone does not excuse a file: the map's ranges must match the extents.
  @Test func aCompressedFileIsExceptedIfItsRangesAreThere() throws {
    let check = ExtentCheck(table: mirror, device: "9:0")
    let extents = [
      try extent(0, 0x1000, 0x20000, "encoded"), try extent(0x20000, 0x8000, 0x2000, "last,eof"),
    ]
    func explain(_ ranges: [MappedRange]) -> Explanation { check.explain(extents, size: 0x21800, ranges: ranges) }
    let good = [
      try range(0x101000, 0x3000), try range(0x301000, 0x3000), try range(0x108000, 0x2000, at: 0x20000),
      try range(0x308000, 0x2000, at: 0x20000),
    ]
    #expect(explain(good) == .excepted(.compressed))
    for (left, offset) in [(0, "101000"), (1, "301000"), (2, "108000"), (3, "308000")] {
      var ranges = good
      ranges.remove(at: left)
      #expect(explain(ranges) == .none("disk 1 at \(offset) is missing"))
    }
    #expect(explain(good + [try range(0x180000, 0x1000)]) == .none("disk 1 at 180000 is not where the file is"))
    let short = [good[0], try range(0x301000, 0x2000)] + good[2...]
    #expect(explain(short) == .none("a copy is missing: disk 1 at 303000"))
  }

  @Test func anInlineFileIsExceptedIfItHasNoRangeOrIsCompressed() throws {
    let check = ExtentCheck(table: mirror, device: "9:0")
    let extents = [try extent(0, 0, 0x1000, "last,inline,eof")]
    #expect(check.explain(extents, size: 100, ranges: []) == .excepted(.inline))
    #expect(check.explain(extents, size: 100, ranges: [try range(0x101000, 100)]) == .none(nil))
    // Compressed inline data differs from the file's bytes, but every copy of it must be there.
    let compressed = [try extent(0, 0, 0x1000, "last,encoded,not_aligned,inline,eof")]
    let copies = [try range(0x101000, 70), try range(0x301000, 70)]
    #expect(check.explain(compressed, size: 100, ranges: copies) == .excepted(.compressed))
    #expect(check.explain(compressed, size: 100, ranges: []) == .excepted(.inline))
    #expect(
      check.explain(compressed, size: 100, ranges: [copies[0]]) == .none("a copy is missing: disk 1 at 301000"))
    let plain = [try extent(0, 0x1000, 0x1000, "last,eof")]
    #expect(check.explain(plain, size: 100, ranges: []) == .none("disk 1 at 101000 is missing"))
    #expect(check.explain([], size: 100, ranges: []) == .none(nil))
  }

  /// An array that runs without one of its devices.
  @Test func whatALostDeviceHeldIsExcepted() throws {
    let table = DeviceTable(
      parsing: """
        device 8:0 - - 16384
        device 8:1 8:0 2048 2048
        disk 8:0 1
        device 9:0 - - 4096
        array 9:0 raid5 2 65536 3 none
        member 9:0 8:1 0 0 1024 in_sync
        """)
    let check = ExtentCheck(table: table, device: "9:0")
    let held = try extent(0, 0, 0x10000)
    let lost = try extent(0x10000, 0x10000, 0x10000)
    let ranges = [try range(0x100000, 0x10000)]
    #expect(check.explain([held], size: 0x10000, ranges: ranges) == .none(nil))
    #expect(check.explain([held, lost], size: 0x20000, ranges: ranges) == .excepted(.lost))
    #expect(check.explain([held, lost], size: 0x20000, ranges: []) == .none("disk 1 at 100000 is missing"))
  }

  @Test func anNTFSFilesAttribute() throws {
    let resident: [Substring] = ["\tResident: \t\t Yes", "\tAttribute flags:\t 0x0000"]
    let compressed: [Substring] = ["\tResident: \t\t No", "\tAttribute flags:\t 0x0001"]
    let plain: [Substring] = ["\tResident: \t\t No", "\tAttribute flags:\t 0x8000"]
    #expect(Explanation(attribute: resident, ranges: []) == .excepted(.inline))
    #expect(Explanation(attribute: resident, ranges: [try range(0, 10)]) == .none(nil))
    #expect(Explanation(attribute: compressed, ranges: []) == .excepted(.compressed))
    #expect(Explanation(attribute: plain, ranges: []) == .none(nil))
    #expect(Explanation(attribute: ["ERROR"], ranges: []) == .none(nil))
  }

  @Test func filesArePutTogether() throws {
    let path = FilePath(NSTemporaryDirectory()).appending("bmap-\(UUID().uuidString)")
    var bytes = (0..<3 << 20).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
    bytes.replaceSubrange(2 << 20..<(2 << 20) + 5000, with: bytes[0..<5000])
    try Data(bytes).write(to: URL(filePath: path.string))
    defer { try? FileManager.default.removeItem(atPath: path.string) }
    let rebuild = FileRebuild(disks: [try openDisk(at: path, format: .raw).disk], isCancelled: { false })
    func digest(_ bytes: [UInt8]) throws -> FileRebuild.Outcome {
      let all = try range(0, UInt64(bytes.count))
      let file = FilePath(path.string + "-expected")
      try Data(bytes).write(to: URL(filePath: file.string))
      defer { try? FileManager.default.removeItem(atPath: file.string) }
      return try FileRebuild(disks: [try openDisk(at: file, format: .raw).disk], isCancelled: { false })
        .file(size: UInt64(bytes.count), of: [all])
    }
    let whole = try rebuild.file(size: 3 << 20, of: [try range(0, 3 << 20)])
    #expect(try whole == digest(bytes))
    // Out of order on the disk, with a hole, and with two copies of one part.
    let parts = [
      try range(0, 5000), try range(2 << 20, 5000), try range(100_000, 1000, at: 8000), try range(7, 10, at: 9000),
    ]
    let zeros = { [UInt8](repeating: 0, count: $0) }
    let expected = bytes[..<5000] + zeros(3000) + bytes[100_000..<101_000] + bytes[7..<12]
    #expect(try rebuild.file(size: 9005, of: parts) == digest(Array(expected)))
    // Only the parts with data are read; the others must be zeros.
    let sparse = [try range(0, 5000), try range(100_000, 1000, at: 1 << 50)]
    let layout = DataLayout([0..<5000, 1 << 50..<(1 << 50) + 700])
    #expect(
      try rebuild.file(size: (1 << 50) + 700, of: sparse, layout: layout)
        == digest(Array(bytes[..<5000] + bytes[100_000..<100_700])))
    #expect(
      try rebuild.file(size: (1 << 50) + 700, of: [sparse[0]], layout: layout)
        == digest(Array(bytes[..<5000] + zeros(700))))
    #expect(
      try rebuild.file(size: 1 << 50, of: [try range(0, 5000), try range(0, 5000, at: 1 << 40)], layout: layout)
        == .impossible(FileRebuild.differs))
    // From byte 4000 of the file on, the two copies differ.
    let wrong = [
      try range(0, 4000), try range(0x200000, 4000), try range(4000, 1000, at: 4000), try range(9, 9, at: 4000),
    ]
    #expect(
      try rebuild.file(size: 5000, of: wrong) == .impossible("its copies differ: disk 1 at fa0 and disk 1 at 9"))
    guard case .impossible(let reason) = try rebuild.file(size: 10, of: [try range(3 << 20, 10)]) else {
      Issue.record("read beyond the disk's end")
      return
    }
    #expect(reason.hasPrefix("disk 1 at 300000 cannot be read: "))
  }
}
