import DiskImage
import Foundation
import Glibc
import SystemPackage
import Testing

@testable import DiskOverlay

/// Crashes and malformed files.
struct SnapshotDamageTests {
  /// After a crash, the file contains everything written before the last flush. A copy made at any later time
  /// simulates the crash.
  @Test func whatWasFlushedIsThereAfterACrash() throws {
    let bench = try SnapshotBench(size: 4 << 20)
    let disk = try bench.open().disk
    try bench.write(disk, Array("flushed".utf8), at: 70_000)
    try bench.zero(disk, 655_360..<655_361)
    try disk.flush()
    let flushed = bench.content
    try bench.write(disk, Array("later".utf8), at: 200_000)
    let copy = bench.directory.appending("copy.vmdk")
    try tool("cp", "--sparse=always", bench.file.string, copy.string)
    let entries = try SnapshotBytes(copy).entries(64)
    #expect(entries[1] != 0 && entries[10] != 0 && entries[3] == 0)
    try disk.close()
    bench.content = flushed
    try bench.checkWithQemu(copy)
    let length = try SnapshotBytes(copy).data.count

    let after = try bench.open(copy)
    #expect(!after.wasClosedCleanly)
    #expect(try bench.holdsWhatIsExpected(after.disk))
    // Grains that no table refers to are reused.
    try bench.exercise(after.disk, steps: 30)
    try after.disk.close()
    try bench.checkWithQemu(copy)
    let file = try SnapshotBytes(copy)
    let stored = file.entries(64).filter { $0 != 0 }
    #expect(!file.isUnclean && file.data.count <= length + 64 * 65536)
    #expect((try #require(stored.max()) - stored.min()!) / 128 == stored.count - 1, "grains were lost")
  }

  /// A crash between writing a table and its copy may leave them different. The table is used, and the copy is
  /// repaired.
  @Test func copiesOfTablesAreMended() throws {
    let bench = try SnapshotBench(size: 4 << 20)
    var disk = try bench.open().disk
    try bench.write(disk, [1], at: 0)
    try disk.close()
    var file = try SnapshotBytes(bench.file)
    file.set(file.entryOffset(ofGrain: 5, inCopy: true), 4, 0x4000)
    file.set(file.entryOffset(ofGrain: 0, inCopy: true), 4, 0)
    try file.data.write(to: url(bench.file))
    disk = try bench.open().disk
    try bench.write(disk, [2], at: 1)
    try disk.close()
    file = try SnapshotBytes(bench.file)
    #expect(file.entries(64) == file.entries(64, inCopy: true))
    try bench.checkWithQemu()
  }

  @Test func refusesWhatIsNotItsOverlay() throws {
    let bench = try SnapshotBench(size: 4 << 20)
    let disk = try bench.open().disk
    #expect(bench.refusal() == "the overlay is in use by another server")
    try bench.write(disk, [1, 2, 3], at: 5)
    try bench.write(disk, [1, 2, 3], at: 3 << 20)
    try disk.close()
    let good = try SnapshotBytes(bench.file)
    func put(_ data: Data) throws { try data.write(to: url(bench.file)) }
    func refusal(_ change: (inout SnapshotBytes) -> Void) throws -> String {
      var file = good
      change(&file)
      try put(file.data)
      let refusal = bench.refusal()
      let isUntouched = try SnapshotBytes(bench.file).data == file.data
      #expect(isUntouched)
      return refusal
    }

    try put(good.data)
    #expect(bench.refusal() == "none")
    try put(Data())
    #expect(bench.refusal() == "is empty: not a disk")
    for other in [Data("hello".utf8), Data(count: 1 << 20), good.data.dropFirst(1), Data(good.descriptor.utf8)] {
      try put(other)
      #expect(bench.refusal() == "is not a sparse VMDK with a header of its own: it cannot be written")
    }
    for length in [600, 11_000, 14_000, 70_000] {
      try put(good.data.prefix(length))
      #expect(bench.refusal().contains("truncated"), "\(length)")
    }
    #expect(try refusal { $0.data.removeLast(65536) }.contains("it was truncated or is damaged"))

    let first = good.entryOffset(ofGrain: 0)
    let sector = good.number(first, 4)
    #expect(
      try refusal { $0.set(first, 4, 1) }
        == "the grain table's entry at offset \(first) is sector 1, where the file's tables are: it cannot be written")
    #expect(try refusal { $0.set(first, 4, sector + 128) }.hasSuffix("where another grain is: it cannot be written"))
    #expect(try refusal { $0.set(first, 4, sector + 1) }.contains("not in line"))
    #expect(try refusal { $0.set(first, 4, 0xffff_ffff) }.contains("truncated or is damaged"))
    let directory = good.number(56, 8) * 512
    #expect(try refusal { $0.set(directory, 4, 0) }.hasPrefix("has no grain table"))
    #expect(try refusal { $0.set(directory, 4, 0xffff_ffff) }.contains("truncated or is damaged"))
    #expect(try refusal { $0.set(directory, 4, 2) }.contains("overlaps"))
    #expect(try refusal { $0.set(56, 8, 1 << 50) }.contains("directories is damaged"))
    #expect(try refusal { $0.set(48, 8, 1 << 50) }.contains("directories is damaged"))
    #expect(try refusal { $0.set(48, 8, good.number(56, 8)) }.contains("directories is damaged"))
    #expect(try refusal { $0.set(4, 4, 3) }.contains("newer version"))
    #expect(try refusal { $0.set(4, 4, 9) }.contains("version 9"))
    #expect(try refusal { $0.set(44, 4, 256) }.contains("cannot be written"))
    #expect(try refusal { $0.set(12, 8, 9000) }.contains("by its header"))
    func refusal(replacing old: String, by new: String) throws -> String {
      try refusal { file in
        let text = file.descriptor.replacingOccurrences(of: old, with: new)
        file.data.replaceSubrange(512..<512 + 10240, with: Data(text.utf8) + Data(count: 10240 - text.utf8.count))
      }
    }
    let parent = try #require(good.setting("parentCID"))
    #expect(try refusal(replacing: "parentCID=\(parent)", by: "parentCID=12345678").contains("of another disk"))
    #expect(try refusal(replacing: "parentCID=\(parent)", by: "parentCID=ffffffff").contains("no snapshot"))
    #expect(try refusal(replacing: "\nCID=", by: "\nXID=").contains("no snapshot"))
    #expect(try refusal(replacing: "monolithicSparse", by: "twoGbMaxExtentSparse").contains("twoGbMaxExtentSparse"))
    #expect(try refusal(replacing: "RW 8192", by: "RW 8191").contains("of a disk of 4193792 bytes, not 4194304"))
    #expect(try refusal(replacing: "RW ", by: "RDONLY ").contains("RW SPARSE"))
    #expect(try refusal(replacing: "base ", by: "base 0").hasPrefix("none"), "a comment of somebody else's")
    try put(good.data)
    #expect(bench.refusal() == "none")
  }

  @Test func refusesOtherKindsOfVMDK() throws {
    let bench = try SnapshotBench(size: 1 << 20)
    #expect(bench.refusal(bench.disk) == "is a file of the disk itself: give the overlay another name")
    let stream = bench.directory.appending("stream.vmdk")
    try tool("qemu-img", "convert", "-O", "vmdk", "-o", "subformat=streamOptimized", bench.disk.string, stream.string)
    #expect(bench.refusal(stream).contains("compressed VMDK"))
    let alone = bench.directory.appending("alone.vmdk")
    try tool("qemu-img", "convert", "-O", "vmdk", bench.disk.string, alone.string)
    #expect(bench.refusal(alone).contains("no snapshot"))
    #expect(bench.refusal(bench.directory) == "cannot open the overlay: Is a directory")
    #expect(bench.refusal(bench.directory.appending("none").appending("x.vmdk")).hasPrefix("cannot make the overlay"))
    let fifo = bench.directory.appending("fifo.vmdk")
    #expect(mkfifo(fifo.string, 0o600) == 0)
    #expect(bench.refusal(fifo) == "is no regular file")
    let quoted = bench.directory.appending("a\"b.vmdk")
    #expect(bench.refusal(quoted).contains("quotation mark"))
    #expect(!FileManager.default.fileExists(atPath: quoted.string), "what cannot be begun is not left")
    // A snapshot of a snapshot must not overwrite any file of its chain.
    try bench.open().disk.close()
    let base = try openDisk(at: bench.file)
    func refusal(_ path: FilePath) -> String {
      do {
        try VMDKOverlay.persistent(path, over: base.disk, chain: base.chain, files: base.files).disk.close()
        return "none"
      } catch { return "\(error)" }
    }
    #expect(refusal(bench.disk).contains("a file of the disk itself"))
    #expect(refusal(bench.file).contains("a file of the disk itself"))
  }

  @Test func theDiskHasToBeAVMDK() throws {
    let bench = try SnapshotBench(size: 1 << 20)
    let base = try openDisk(at: bench.disk, format: .raw)
    #expect {
      try VMDKOverlay.persistent(bench.file, over: base.disk, chain: base.chain, files: base.files)
    } throws: { "\($0)".contains("has to be over a VMDK") && "\($0)".contains("monolithicFlat") }
    #expect(!FileManager.default.fileExists(atPath: bench.file.string))
    let large = bench.directory.appending("large.vmdk")
    try tool("qemu-img", "create", "-f", "vmdk", large.string, "3T")
    let disk = try openDisk(at: large)
    #expect {
      try VMDKOverlay.persistent(bench.file, over: disk.disk, chain: disk.chain, files: disk.files)
    } throws: { ($0 as? DiskError)?.errno == EFBIG }
  }

  @Test func aChangedDiskIsNoticed() throws {
    let bench = try SnapshotBench(size: 1 << 20)
    let disk = try bench.open().disk
    try bench.write(disk, [1], at: 0)
    try disk.close()
    // A different time alone only causes a warning.
    try FileManager.default.setAttributes(
      [.modificationDate: Date(timeIntervalSince1970: 1e9)], ofItemAtPath: bench.disk.string)
    let kept = try bench.open()
    #expect(kept.baseWasChanged)
    try kept.disk.close()
    // A program that changes the disk but not its content ID.
    var data = try Data(contentsOf: url(bench.disk))
    data[data.count - 100] ^= 1
    try data.write(to: url(bench.disk))
    #expect(bench.refusal().contains("with the same CID, or the disk was changed under it"))
    data[data.count - 100] ^= 1
    try data.write(to: url(bench.disk))
    #expect(bench.refusal() == "none")
    // qemu changes the content ID.
    try tool("qemu-io", "-f", "vmdk", "-c", "write 512k 512", bench.disk.string)
    #expect(bench.refusal().hasPrefix("this is a snapshot of another disk, or the disk was changed under it: it has"))
  }

  /// Sector numbers have 32 bits.
  @Test func fullAtTwoTebibytes() throws {
    let bench = try SnapshotBench(size: 4 << 20)
    try bench.open().disk.close()
    var file = try SnapshotBytes(bench.file)
    for copy in [false, true] { file.set(file.entryOffset(ofGrain: 0, inCopy: copy), 4, 0xffff_ff00) }
    try file.data.write(to: url(bench.file))
    #expect(truncate(bench.file.string, 1 << 41) == 0)
    bench.content.replaceSubrange(0..<65536, with: repeatElement(0, count: 65536))
    let disk = try bench.open().disk
    try bench.write(disk, [1], at: 70_000)
    let bytes: [UInt8] = [1]
    for offset in [140_000, 140_001] {
      #expect {
        try bytes.withUnsafeBytes { try disk.write($0, at: UInt64(offset)) }
      } throws: { ($0 as? DiskError)?.errno == ENOSPC && "\($0)".contains("full: no VMDK of this kind") }
    }
    try bench.write(disk, [2], at: 70_001)
    #expect(try bench.holdsWhatIsExpected(disk))
    try disk.close()
    let again = try bench.open().disk
    #expect(try bench.holdsWhatIsExpected(again))
    try again.close()
    try tool("qemu-img", "check", bench.file.string)
  }

  @Test func othersAreKeptOut() throws {
    let bench = try SnapshotBench(size: 1 << 20)
    let disk = try bench.open().disk
    #expect(throws: ToolFailure.self) {
      try tool("qemu-io", "-f", "vmdk", "-c", "write 0 512", bench.file.string)
    }
    #expect(throws: ToolFailure.self) { try tool("qemu-img", "check", bench.file.string) }
    try disk.close()
    try bench.checkWithQemu()
  }
}
