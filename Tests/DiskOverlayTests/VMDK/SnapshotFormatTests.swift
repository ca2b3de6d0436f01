import DiskImage
import Foundation
import SystemPackage
import Testing

@testable import DiskOverlay

/// What a snapshot's header and descriptor contain, and which snapshots can be written.
struct SnapshotFormatTests {
  @Test func namesItsParent() throws {
    let bench = try SnapshotBench(size: 1 << 20)
    try bench.open().disk.close()
    let file = try SnapshotBytes(bench.file)
    #expect(file.data.prefix(4) == Data("KDMV".utf8) && file.number(4, 4) == 1 && file.number(8, 4) == 3)
    #expect(file.number(12, 8) == 2048 && file.number(20, 8) == 128 && file.number(44, 4) == 512)
    #expect(file.number(64, 8) * 512 == file.data.count && !file.isUnclean)
    #expect(file.setting("createType") == "monolithicSparse")
    #expect(file.setting("parentFileNameHint") == "base.vmdk")
    let parent = try SnapshotBytes(bench.disk)
    let cid = try #require(file.setting("CID"))
    // qemu-img omits leading zeros.
    let parentCID = try #require(file.setting("parentCID").flatMap { UInt32($0, radix: 16) })
    #expect(parent.setting("CID").flatMap { UInt32($0, radix: 16) } == parentCID)
    #expect(cid != parent.setting("CID") && cid != "ffffffff" && cid != "fffffffe" && cid.count == 8)
    #expect(file.descriptor.contains("RW 2048 SPARSE \"overlay.vmdk\"\n"))
    for line in parent.descriptor.split(separator: "\n") where line.hasPrefix("ddb.geometry") {
      #expect(file.descriptor.contains(line))
    }
  }

  /// If the snapshot is in another directory, or the disk is opened through a symbolic link, the parent is named by
  /// its absolute path.
  @Test func namesItsParentWhereverItIs() throws {
    let bench = try SnapshotBench(size: 1 << 20, named: "a \u{e4} name.vmdk")
    let manager = FileManager.default
    for directory in ["other", "linked"] {
      try manager.createDirectory(
        atPath: bench.directory.appending(directory).string, withIntermediateDirectories: false)
    }
    let link = bench.directory.appending("linked").appending("link.vmdk")
    try manager.createSymbolicLink(atPath: link.string, withDestinationPath: bench.disk.string)
    for (named, file, hint) in [
      (bench.disk, "here.vmdk", "a \u{e4} name.vmdk"), (bench.disk, "other/there.vmdk", bench.disk.string),
      (link, "linked/beside.vmdk", bench.disk.string),
    ] {
      let base = try openDisk(at: named)
      let path = bench.directory.appending(file)
      let disk = try VMDKOverlay.persistent(path, over: base.disk, chain: base.chain, files: base.files).disk
      bench.content = bench.original
      try bench.exercise(disk, steps: 20)
      try disk.close()
      #expect(try SnapshotBytes(path).setting("parentFileNameHint") == hint)
      try bench.checkWithQemu(path)
    }
    // A directory that contains both can be moved.
    let moved = bench.directory.appending("moved")
    try manager.createDirectory(atPath: moved.string, withIntermediateDirectories: false)
    for name in ["a \u{e4} name.vmdk", "here.vmdk"] {
      try manager.copyItem(
        atPath: bench.directory.appending(name).string, toPath: moved.appending(name).string)
    }
    try tool("qemu-img", "convert", "-O", "raw", moved.appending("here.vmdk").string, moved.appending("raw").string)
  }

  /// Writing changes the content ID, because snapshots over this one become invalid; reading does not.
  @Test func isChangedOnlyByWriting() throws {
    let bench = try SnapshotBench(size: 1 << 20)
    var disk = try bench.open().disk
    try bench.write(disk, [1, 2, 3], at: 70_000)
    #expect(try SnapshotBytes(bench.file).isUnclean)
    try disk.close()
    let first = try SnapshotBytes(bench.file)
    disk = try bench.open().disk
    #expect(try bench.holdsWhatIsExpected(disk))
    try disk.flush()
    try disk.close()
    #expect(try SnapshotBytes(bench.file).data == first.data)
    disk = try bench.open().disk
    try bench.write(disk, [4], at: 70_000)
    #expect(try SnapshotBytes(bench.file).setting("CID") != first.setting("CID"))
    try disk.close()
    let second = try SnapshotBytes(bench.file)
    #expect(second.setting("parentCID") == first.setting("parentCID") && !second.isUnclean)
    #expect(second.descriptor.count == first.descriptor.count)
    try bench.checkWithQemu()
  }

  @Test(arguments: ["zeroed_grain=off", "zeroed_grain=on"])
  func anothersSnapshotIsWritten(option: String) throws {
    let bench = try SnapshotBench(size: (35 << 20) + 1024)
    try tool(
      "qemu-img", "create", "-f", "vmdk", "-o", option, "-b", bench.disk.string, "-F", "vmdk", bench.file.string)
    // A partial grain at the end, then other grains, then zeros.
    try tool(
      "qemu-io", "-f", "vmdk", "-c", "write -P 1 36700160 1024", "-c", "write -P 2 100k 200k", "-c",
      "write -z 1M 128k", bench.file.string)
    bench.content.replaceSubrange(36_700_160..<36_701_184, with: repeatElement(1, count: 1024))
    bench.content.replaceSubrange(100 << 10..<300 << 10, with: repeatElement(2, count: 200 << 10))
    bench.content.replaceSubrange(1 << 20..<(1 << 20) + (128 << 10), with: repeatElement(0, count: 128 << 10))
    for round in 0..<3 {
      let kept = try bench.open()
      #expect(!kept.isNew && !kept.baseWasChanged && kept.wasClosedCleanly)
      #expect(try bench.holdsWhatIsExpected(kept.disk))
      try bench.zero(kept.disk, round << 22..<(round << 22) + 200_000)
      try bench.exercise(kept.disk, steps: 60)
      try kept.disk.close()
      try bench.checkWithQemu()
      // qemu writes to it once more.
      try tool("qemu-io", "-f", "vmdk", "-c", "write -P 3 \(20 + round)M 70k", bench.file.string)
      let start = (20 + round) << 20
      bench.content.replaceSubrange(start..<start + 71_680, with: repeatElement(3, count: 71_680))
    }
    let file = try SnapshotBytes(bench.file)
    #expect(file.entries(561).contains(1) == (option == "zeroed_grain=on"))
    #expect(file.entries(561) == file.entries(561, inCopy: true))
  }

  @Test(arguments: [1 << 37, 1 << 41])
  func aLargeDiskTakesLittleRoom(size: UInt64) throws {
    let bench = try SnapshotBench(size: 1 << 20)
    let disk = bench.directory.appending("large.vmdk")
    try tool("qemu-img", "create", "-f", "vmdk", disk.string, "\(size)")
    let base = try openDisk(at: disk)
    let kept = try VMDKOverlay.persistent(bench.file, over: base.disk, chain: base.chain, files: base.files)
    let last = size - 512
    try [UInt8](repeating: 5, count: 512).withUnsafeBytes { try kept.disk.write($0, at: last) }
    // Zeroing the largest disk would take too long.
    if size < 1 << 40 { try kept.disk.zero(0..<size - 65536) }
    try kept.disk.close()
    let used = try Int(String(decoding: tool("du", "-B1", bench.file.string).split(separator: 9)[0], as: UTF8.self))
    #expect(try #require(used) < 2 << 20)
    if size < 1 << 40 {
      let again = try VMDKOverlay.persistent(bench.file, over: base.disk, chain: base.chain, files: base.files)
      var written: [Range<UInt64>] = []
      again.disk.forEachWrittenRange { written.append($0) }
      #expect(written == [size - 65536..<size])
      try again.disk.close()
    }
    try tool("qemu-io", "-r", "-f", "vmdk", "-c", "read -P 5 \(last) 512", bench.file.string)
    try tool("qemu-img", "check", bench.file.string)
  }
}
