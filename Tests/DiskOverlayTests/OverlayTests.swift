import DiskImage
import Foundation
import Glibc
import SystemPackage
import Testing

@testable import DiskOverlay

struct OverlayTests {
  /// A directory with a disk of random bytes, removed with the value.
  private final class Bench {
    let directory: FilePath
    let disk: FilePath
    var content: [UInt8]

    init(size: Int) throws {
      var name = Array("/tmp/overlay-test-XXXXXX".utf8CString)
      guard mkdtemp(&name) != nil else { throw Errno(rawValue: errno) }
      directory = FilePath(String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
      disk = directory.appending("disk")
      var generator = SystemRandomNumberGenerator()
      content = (0..<(size + 7) / 8).flatMap { _ in withUnsafeBytes(of: generator.next()) { Array($0) } }
      content.removeLast(content.count - size)
      try Data(content).write(to: URL(fileURLWithPath: disk.string))
    }

    deinit { try? FileManager.default.removeItem(atPath: directory.string) }

    var base: any VirtualDisk { get throws { try openDisk(at: disk, format: .raw, options: OpenOptions()).disk } }
    var file: FilePath { directory.appending("overlay") }
    func open() throws -> OverlayDisk.Persistent { try OverlayDisk.persistent(file, over: base, files: [disk]) }

    func expectBaseUnchanged(_ original: [UInt8]) throws {
      #expect(try [UInt8](Data(contentsOf: URL(fileURLWithPath: disk.string))) == original)
    }
  }

  private func bytes(of disk: OverlayDisk, _ range: Range<Int>) throws -> [UInt8] {
    var buffer = [UInt8](repeating: 0xee, count: range.count)
    try buffer.withUnsafeMutableBytes { try disk.read(into: $0, at: UInt64(range.lowerBound)) }
    return buffer
  }

  private func write(_ disk: OverlayDisk, _ bytes: [UInt8], at offset: Int) throws {
    try bytes.withUnsafeBytes { try disk.write($0, at: UInt64(offset)) }
  }

  /// Writes, zeroes and reads at random, and maintains a copy of the expected content.
  private func exercise(_ disk: OverlayDisk, _ expected: inout [UInt8], steps: Int) throws {
    let size = expected.count
    for step in 0..<steps {
      let start = Int.random(in: 0..<size)
      let count = min(size - start, Int.random(in: 1...[1, 512, 70_000, 300_000].randomElement()!))
      switch step % 3 {
      case 0:
        let data = [UInt8](repeating: UInt8(truncatingIfNeeded: step), count: count)
        try write(disk, data, at: start)
        expected.replaceSubrange(start..<start + count, with: data)
      case 1 where step % 4 == 1:
        try disk.zero(UInt64(start)..<UInt64(start + count))
        expected.replaceSubrange(start..<start + count, with: repeatElement(0, count: count))
      default:
        let isSame = try bytes(of: disk, start..<start + count) == Array(expected[start..<start + count])
        #expect(isSame)
      }
    }
    let isSame = try bytes(of: disk, 0..<size) == expected
    #expect(isSame)
  }

  @Test(arguments: [1, 512, 65_535, 65_536, 65_537, 5 << 20, (5 << 20) + 513])
  func whatIsWrittenIsReadAndTheDiskIsNotTouched(size: Int) throws {
    let bench = try Bench(size: size)
    var expected = bench.content
    let disk = try OverlayDisk.temporary(over: bench.base, in: bench.directory)
    #expect(try bytes(of: disk, 0..<size) == expected)
    try exercise(disk, &expected, steps: 200)
    try disk.flush()
    try disk.close()
    try bench.expectBaseUnchanged(bench.content)
    #expect(try FileManager.default.contentsOfDirectory(atPath: bench.directory.string) == ["disk"])
  }

  @Test func aKeptOneIsTakenUpAgain() throws {
    let bench = try Bench(size: (3 << 20) + 100)
    var expected = bench.content
    for round in 0..<4 {
      let kept = try bench.open()
      #expect(kept.isNew == (round == 0) && !kept.baseWasChanged)
      #expect(try bytes(of: kept.disk, 0..<expected.count) == expected)
      try exercise(kept.disk, &expected, steps: 30)
      try kept.disk.close()
    }
    try bench.expectBaseUnchanged(bench.content)
  }

  /// After a crash, the file contains everything written before the last flush. A copy made at any later time
  /// simulates the crash.
  @Test func whatWasFlushedIsThereAfterACrash() throws {
    let bench = try Bench(size: 2 << 20)
    let disk = try bench.open().disk
    try write(disk, Array("flushed".utf8), at: 70_000)
    try disk.flush()
    try write(disk, Array("later".utf8), at: 200_000)
    try write(disk, Array("FLUSHED".utf8), at: 70_000)
    let copy = bench.directory.appending("copy")
    try FileManager.default.copyItem(atPath: bench.file.string, toPath: copy.string)
    try disk.close()
    let after = try OverlayDisk.persistent(copy, over: bench.base, files: [bench.disk]).disk
    #expect(String(decoding: try bytes(of: after, 70_000..<70_007), as: UTF8.self).lowercased() == "flushed")
    let later = try bytes(of: after, 200_000..<200_005)
    #expect(later == Array("later".utf8) || later == Array(bench.content[200_000..<200_005]))
    #expect(try bytes(of: after, 200_005..<300_000) == Array(bench.content[200_005..<300_000]))
    try after.close()
  }

  @Test func threadsWriteSideBySide() throws {
    let bench = try Bench(size: 4 << 20)
    let disk = try OverlayDisk.temporary(over: bench.base, in: bench.directory)
    // Neighbouring writes share clusters.
    let step = 1000
    let count = bench.content.count / step
    DispatchQueue.concurrentPerform(iterations: 8) { thread in
      for index in stride(from: thread, to: count, by: 8) {
        try? write(disk, [UInt8](repeating: UInt8(thread + 1), count: step), at: index * step)
      }
    }
    var expected = bench.content
    for index in 0..<count {
      expected.replaceSubrange(
        index * step..<(index + 1) * step, with: repeatElement(UInt8(index % 8 + 1), count: step))
    }
    let isSame = try bytes(of: disk, 0..<expected.count) == expected
    #expect(isSame)
  }

  @Test func saysWhatNeedsNotBeRead() throws {
    let bench = try Bench(size: 1 << 20)
    let disk = try OverlayDisk.temporary(over: bench.base, in: bench.directory)
    try disk.zero(0..<131_072)
    try write(disk, [1], at: 65_536)
    var extents: [DiskExtent] = []
    try disk.extents(in: 0..<1 << 20) { extent in
      extents.append(extent)
      return true
    }
    #expect(extents.first == DiskExtent(range: 0..<65_536, state: .hole))
    #expect(extents.dropFirst().first?.state == .data)
    #expect(extents.last?.range.upperBound == 1 << 20)
    #expect(zip(extents, extents.dropFirst()).allSatisfy { $0.range.upperBound == $1.range.lowerBound })
    var asked = 0
    try disk.extents(in: 100..<1 << 20) { _ in
      asked += 1
      return false
    }
    #expect(asked == 1)
  }

  @Test func refusesWhatIsNotItsOverlay() throws {
    let bench = try Bench(size: 1 << 20)
    func refusal() -> String {
      do {
        try bench.open().disk.close()
        return "none"
      } catch {
        return "\(error)"
      }
    }
    let disk = try bench.open().disk
    #expect(refusal() == "\(bench.file): the overlay is in use by another server")
    try write(disk, [1, 2, 3], at: 5)
    try disk.close()
    let good = try Data(contentsOf: URL(fileURLWithPath: bench.file.string))
    func put(_ data: Data) throws { try data.write(to: URL(fileURLWithPath: bench.file.string)) }

    try put(good.dropLast(1))
    #expect(refusal().hasSuffix(": it was truncated"))
    for damaged in [Data(), Data("hello".utf8), Data(count: 1 << 20), good.dropFirst(1)] {
      try put(damaged)
      #expect(refusal() == "\(bench.file): this is not an overlay of virt-bmap's")
    }
    for offset in [20, 70, 72, 81, 151, 152, 4000] {
      var damaged = good
      damaged[offset] ^= 0x40
      try put(damaged)
      // Only the disk's modification time may differ.
      #expect((refusal() == "none") == (offset == 81), "\(offset)")
    }
    try put(good)
    #expect(refusal() == "none")
    var other = bench.content
    other[3] ^= 1
    try Data(other).write(to: URL(fileURLWithPath: bench.disk.string))
    #expect(refusal().hasSuffix(": this is an overlay of another disk, or the disk was changed under it"))
    try Data(other.dropLast(512)).write(to: URL(fileURLWithPath: bench.disk.string))
    #expect(refusal().contains("of a disk of 1048576 bytes, not 1048064"))
    // A different time alone only causes a warning.
    try Data(bench.content).write(to: URL(fileURLWithPath: bench.disk.string))
    let kept = try bench.open()
    #expect(kept.baseWasChanged)
    try kept.disk.close()
  }

  @Test func requestsBeyondTheEndAreErrors() throws {
    let bench = try Bench(size: 1000)
    let disk = try OverlayDisk.temporary(over: bench.base, in: bench.directory)
    #expect(throws: DiskError.self) { try write(disk, [1, 2], at: 999) }
    #expect(throws: DiskError.self) { try disk.zero(990..<1001) }
    #expect(throws: DiskError.self) { try bytes(of: disk, 1001..<1001) }
    #expect(try bytes(of: disk, 1000..<1000) == [])
    try disk.zero(7..<7)
  }
}
