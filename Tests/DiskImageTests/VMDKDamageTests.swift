import DiskImage
import Glibc
import SystemPackage
import Testing

/// Truncated or changed images cause a clear error when opened, or read errors for exactly the lost bytes.
struct VMDKDamageTests {
  private let workspace: Workspace
  private let raw: RawImage
  private let expected: [UInt8]
  static let grain: UInt64 = 65536

  init() throws {
    workspace = try Workspace()
    raw = try RawImage(
      workspace, size: 20 * Self.grain + 512,
      data: [0..<3 * Self.grain, 7 * Self.grain..<8 * Self.grain + 1, 20 * Self.grain..<20 * Self.grain + 512])
    expected = try workspace.contents(of: raw.path)
  }

  /// Checks that each grain is read correctly or fails with EIO.
  /// - Returns: the grains that cannot be read.
  private func unreadableGrains(_ disk: any VirtualDisk) throws -> [UInt64] {
    var unreadable: [UInt64] = []
    for grain in 0...20 as ClosedRange<UInt64> {
      let start = grain * Self.grain
      let count = Int(min(Self.grain, disk.size - start))
      do throws(DiskError) {
        var bytes = [UInt8](repeating: 0xa5, count: count)
        var failure: DiskError?
        bytes.withUnsafeMutableBytes { buffer in
          do throws(DiskError) { try disk.read(into: buffer, at: start) } catch { failure = error }
        }
        if let failure { throw failure }
        #expect(equal(bytes, Array(expected[Int(start)..<(Int(start) + count)])), "grain \(grain)")
      } catch {
        #expect(error.errno == EIO)
        unreadable.append(grain)
      }
    }
    return unreadable
  }

  /// The grains that are not completely within a file's first `length` bytes.
  private func lostGrains(of disk: any VirtualDisk, length: UInt64) throws -> [UInt64] {
    var lost: Set<UInt64> = []
    try disk.locations(in: 0..<disk.size) { location in
      guard case .file(_, let offset) = location.storage else { return true }
      for grain in location.range.lowerBound / Self.grain...(location.range.upperBound - 1) / Self.grain {
        let end = min((grain + 1) * Self.grain, location.range.upperBound)
        if offset + (end - location.range.lowerBound) > length { lost.insert(grain) }
      }
      return true
    }
    return lost.sorted()
  }

  @Test func aSparseFileCutAtAnyLength() async throws {
    let path = workspace("disk.vmdk")
    try await QemuImg.convert(raw, to: "monolithicSparse", at: path)
    let whole = try workspace.contents(of: path)
    let intact = try openDisk(at: path).disk
    #expect(try unreadableGrains(intact) == [])
    var random = Seeded(11)
    let lengths =
      [1, 3, 4, 78, 79, 511, 512, 513, 1024, whole.count - 1, whole.count - 512, whole.count - 65536]
      + (0..<150).map { _ in Int.random(in: 1..<whole.count, using: &random) }
      + stride(from: 512, to: 32 * 1024, by: 512)
    var opened = 0
    for length in lengths {
      try workspace.write(whole[..<length], to: "cut.vmdk")
      do {
        let cut = try openDisk(at: workspace("cut.vmdk"))
        opened += 1
        // qemu writes whole grains, so losing the end of the last one, which is beyond the end of the disk, does no
        // harm.
        let lost = try lostGrains(of: intact, length: UInt64(length))
        let unreadable = try unreadableGrains(cut.disk)
        // If the only table that may be left is lost, holes cannot be told from data.
        let hasTables = length >= 12 * 1024
        #expect(unreadable == lost || !hasTables && unreadable == Array(0...20), "cut at \(length): \(cut.warnings)")
        #expect(cut.warnings.isEmpty == lost.isEmpty)
      } catch {
        let error = try #require(error as? DiskError)
        #expect(error.description.hasPrefix("\(workspace("cut.vmdk")): "))
        let says = ["truncated", "fewer than", "is not a VMDK"]
        #expect(says.contains { error.message.contains($0) }, "\(length): \(error)")
      }
    }
    #expect(opened > 20 && opened < lengths.count)
  }

  @Test(arguments: [Kind.monolithicFlat, .twoGbMaxExtentFlat, .twoGbMaxExtentSparse])
  func anExtentCutShortOrMissingIsNamed(_ kind: Kind) async throws {
    let path = workspace("disk.vmdk")
    try await QemuImg.convert(raw, to: kind.rawValue, at: path)
    let extent = try #require(openDisk(at: path).files.last)
    let length = try workspace.contents(of: extent).count
    // Losing grains of a sparse extent only causes a warning, so sparse extents are cut within their tables.
    for cut in kind.isSparse ? [4096, 512, 1] : [length - 1, length / 2, 512, 1] {
      try workspace.truncate(extent, to: UInt64(cut))
      let error = try refusal(path)
      #expect(error.description.hasPrefix("\(extent): "))
      #expect(error.message.contains("truncated"))
      #expect(error.errno == EIO)
    }
    try workspace.truncate(extent, to: 0)
    #expect(try refusal(path).description == "\(extent): is empty: not a disk")
    unlink(extent.string)
    #expect(try refusal(path).description.hasPrefix("\(extent): cannot open the extent of line "))
    #expect(try refusal(path).errno == ENOENT)
  }

  @Test func cutWhileOpenExactlyWhatIsGoneFails() async throws {
    let path = workspace("disk.vmdk")
    try await QemuImg.convert(raw, to: "monolithicSparse", at: path)
    let disk = try openDisk(at: path).disk
    #expect(try unreadableGrains(disk) == [])
    let length = try workspace.contents(of: path).count
    // The stored grains, in this order: 0, 1, 2, 7, 8 and 20.
    try workspace.truncate(path, to: UInt64(length) - 65536)
    #expect(try unreadableGrains(disk) == [20])
    try workspace.truncate(path, to: UInt64(length) - 65536 - 1)
    #expect(try unreadableGrains(disk) == [8, 20])
    try workspace.truncate(path, to: UInt64(length) - 5 * 65536)
    #expect(try unreadableGrains(disk) == [1, 2, 7, 8, 20])
    // A read that does not need the lost bytes succeeds.
    #expect(try disk.bytes(at: 3 * Self.grain, count: 4 * 65536).allSatisfy { $0 == 0 })
    #expect(try failure { _ = try disk.bytes(at: 7 * Self.grain - 1, count: 2) }.description.contains("\(path): "))
  }

  /// More tables than are checked when the disk is opened; the last two are bad.
  @Test func damageBeyondWhatIsCheckedAtOpen() throws {
    let tables: UInt64 = 12_000
    let perTable: UInt64 = 512 * 65536
    let data: UInt32 = 60_000
    var writer = SparseWriter(capacity: tables * perTable / 512, length: UInt64(data) + 256)
    writer.put((0..<UInt32(tables)).map { 200 + $0 * 4 }, atSector: 1)
    for table in 0..<tables - 1 { writer.put([UInt32](repeating: data, count: 512), atSector: 200 + table * 4) }
    writer.put([data, 0, 100_000, .max, data, 1], atSector: 200 + (tables - 1) * 4)
    writer.putGrain(0x5a, atSector: UInt64(data))
    let opened = try openDisk(at: writer.write(workspace, "big.vmdk"))
    #expect(opened.warnings.count == 1 && opened.warnings[0].contains("has no descriptor"))
    let disk = opened.disk
    #expect(disk.size == tables * perTable)
    #expect(try disk.bytes(at: perTable * 5000 - 100, count: 200).allSatisfy { $0 == 0x5a })

    let last = (tables - 1) * perTable
    let grains = (0..<7).map { last + $0 * Self.grain }
    #expect(try disk.bytes(at: last - 3, count: 65536 + 3).allSatisfy { $0 == 0x5a })
    #expect(try disk.bytes(at: grains[1], count: 65536).allSatisfy { $0 == 0 })
    for bad in [2, 3, 5] {
      let error = try failure { _ = try disk.bytes(at: grains[bad] + 17, count: 1) }
      #expect(error.errno == EIO)
      #expect(error.message.contains("bytes \(grains[bad])-\(grains[bad] + 65535)"))
    }
    #expect(try failure { _ = try disk.bytes(at: grains[2] - 1, count: 2) }.errno == EIO)
    #expect(try disk.bytes(at: grains[4], count: 65536).allSatisfy { $0 == 0x5a })
    #expect(try disk.bytes(at: grains[6], count: 65536).allSatisfy { $0 == 0 })
    // Damaged grains are not reported as zeros.
    let states = try disk.extents(in: last..<(last + 7 * Self.grain)).map(\.state)
    #expect(states == [.data, .hole, .data, .hole])
  }
}
