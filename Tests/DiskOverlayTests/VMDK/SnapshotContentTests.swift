import DiskImage
import Foundation
import SystemPackage
import Testing

@testable import DiskOverlay

/// Data written to a VMDK snapshot, as read by this code and by others.
struct SnapshotContentTests {
  private static let kinds = [
    "monolithicSparse", "monolithicFlat", "twoGbMaxExtentSparse", "twoGbMaxExtentFlat", "streamOptimized",
  ]

  @Test(arguments: [512, 65_536, 66_048, (5 << 20) + 1536], kinds)
  func whatIsWrittenIsReadByQemu(size: Int, kind: String) throws {
    try exercise(size: size, kind: kind)
  }

  /// A disk with two grain tables.
  @Test func soIsALargerOne() throws { try exercise(size: (34 << 20) + 512, kind: "monolithicSparse") }

  private func exercise(size: Int, kind: String) throws {
    let bench = try SnapshotBench(size: size, kind: kind)
    for round in 0..<3 {
      let kept = try bench.open()
      #expect(kept.isNew == (round == 0) && !kept.baseWasChanged && kept.wasClosedCleanly)
      #expect(try bench.holdsWhatIsExpected(kept.disk))
      try bench.exercise(kept.disk, steps: 60)
      #expect(try bench.holdsWhatIsExpected(kept.disk))
      try kept.disk.close()
      try bench.checkWithQemu()
    }
    try bench.expectBaseUnchanged()
    let grains = (size + 65535) / 65536
    let file = try SnapshotBytes(bench.file)
    #expect(!file.isUnclean)
    #expect(file.entries(grains) == file.entries(grains, inCopy: true))
    let stored = file.entries(grains).filter { $0 != 0 }
    #expect(Set(stored).count == stored.count)
    #expect(stored.allSatisfy { $0 % 128 == 0 && $0 * 512 + 65536 <= file.data.count })
  }

  /// Readers other than this project's, including qemu.
  @Test func whatIsWrittenIsReadByOthers() throws {
    let bench = try SnapshotBench(size: (5 << 20) + 1536)
    let disk = try bench.open().disk
    try bench.exercise(disk, steps: 100)
    try disk.close()
    let expected = bench.directory.appending("expected")
    try Data(bench.content).write(to: url(expected))
    let readers = ["qemu", "libvmdk", "dissect"]
    let job: [String: Any] = [
      "size": bench.content.count, "ranges": [[0, bench.content.count]], "expected": expected.string,
      "readers": Dictionary(uniqueKeysWithValues: readers.map { ($0, bench.file.string) }), "convert": false,
      "map": [[Int]](),
    ]
    let root = (0..<4).reduce(FilePath(#filePath)) { path, _ in path.removingLastComponent() }
    let answer = try tool(
      root.appending(".build/oracles/bin/python3").string, root.appending("Tests/Oracles/read-vmdks.py").string,
      input: JSONSerialization.data(withJSONObject: [job]))
    let answers = try #require(try JSONSerialization.jsonObject(with: answer) as? [[String: Any]])
    #expect(answers.first?["readers"] as? [String: String] == ["qemu": "same", "libvmdk": "same", "dissect": "same"])
  }

  /// This project's own reader, with the chain.
  @Test func isOpenedAsADiskOfItsOwn() throws {
    let bench = try SnapshotBench(size: (3 << 20) + 512)
    let disk = try bench.open().disk
    try bench.exercise(disk, steps: 60)
    try disk.close()
    let opened = try openDisk(at: bench.file)
    #expect(opened.warnings == [] && opened.chain.count == 2 && opened.files == [bench.file, bench.disk])
    var bytes = [UInt8](repeating: 0, count: bench.content.count)
    try bytes.withUnsafeMutableBytes { try opened.disk.read(into: $0, at: 0) }
    let isSame = bytes == bench.content
    #expect(isSame)
    // The snapshot is the base of another one.
    let next = bench.directory.appending("next.vmdk")
    let above = try VMDKOverlay.persistent(next, over: opened.disk, chain: opened.chain, files: opened.files)
    try bench.exercise(above.disk, steps: 60)
    try above.disk.close()
    try bench.checkWithQemu(next)
  }

  @Test func threadsWriteSideBySide() throws {
    let bench = try SnapshotBench(size: 8 << 20)
    let disk = try bench.open().disk
    // Neighbouring writes share grains.
    let step = 1536
    let count = bench.content.count / step
    DispatchQueue.concurrentPerform(iterations: 8) { thread in
      for index in stride(from: thread, to: count, by: 8) {
        let bytes = [UInt8](repeating: UInt8(thread + 1), count: step)
        do {
          try bytes.withUnsafeBytes { try disk.write($0, at: UInt64(index * step)) }
          if index % 67 == 0 { try disk.flush() }
          var back = [UInt8](repeating: 0, count: step)
          try back.withUnsafeMutableBytes { try disk.read(into: $0, at: UInt64(index * step)) }
          #expect(back == bytes)
        } catch {
          Issue.record(error)
        }
      }
    }
    for index in 0..<count {
      bench.content.replaceSubrange(
        index * step..<(index + 1) * step, with: repeatElement(UInt8(index % 8 + 1), count: step))
    }
    #expect(try bench.holdsWhatIsExpected(disk))
    try disk.close()
    try bench.checkWithQemu()
  }

  @Test func saysWhatNeedsNotBeRead() throws {
    let bench = try SnapshotBench(size: 2 << 20)
    let disk = try bench.open().disk
    // Grains 2 and 7 are zeros in the base and stay unallocated.
    try bench.zero(disk, 2 * 65536..<3 * 65536)
    try bench.zero(disk, 7 * 65536 + 100..<7 * 65536 + 200)
    var written: [Range<UInt64>] = []
    disk.forEachWrittenRange { written.append($0) }
    #expect(written == [])
    #expect(try !SnapshotBytes(bench.file).isUnclean)

    try bench.zero(disk, 4 * 65536..<6 * 65536)
    try bench.write(disk, [1], at: 5 * 65536)
    try bench.write(disk, [1], at: 31 * 65536 + 9)
    disk.forEachWrittenRange { written.append($0) }
    let expected: [Range<UInt64>] = [262_144..<393_216, 2_031_616..<2_097_152]
    #expect(written == expected)
    var extents: [DiskExtent] = []
    try disk.extents(in: 0..<2 << 20) { extent in
      extents.append(extent)
      return true
    }
    #expect(extents.first?.range.lowerBound == 0 && extents.last?.range.upperBound == 2 << 20)
    #expect(zip(extents, extents.dropFirst()).allSatisfy { $0.range.upperBound == $1.range.lowerBound })
    func state(at offset: UInt64) -> DiskExtent.State? { extents.first { $0.range.contains(offset) }?.state }
    #expect(state(at: 0) == .data && state(at: 131_072) == .hole && state(at: 262_144) == .hole)
    #expect(state(at: 327_680) == .data && state(at: 2_031_616) == .data)
    try disk.close()
    // Zeros take no space.
    let used = try Int(String(decoding: tool("du", "-B1", bench.file.string).split(separator: 9)[0], as: UTF8.self))
    #expect(try #require(used) < 5 * 65536)
    try bench.checkWithQemu()
  }

  @Test func requestsBeyondTheEndAreErrors() throws {
    let bench = try SnapshotBench(size: 1024)
    let disk = try bench.open().disk
    #expect(throws: DiskError.self) { try disk.zero(990..<1025) }
    #expect(throws: DiskError.self) { try bench.bytes(of: disk, 1025..<1025) }
    #expect(throws: DiskError.self) { try [1, 2].withUnsafeBytes { try disk.write($0, at: 1023) } }
    #expect(try bench.bytes(of: disk, 1024..<1024) == [])
    try disk.zero(7..<7)
    try disk.close()
  }
}
