import DiskImage
import SystemPackage
import Testing

/// Disks written by qemu-img, compared with the raw disk they were made from and with qemu-img's own reading.
struct VMDKContentTests {
  static let grain: UInt64 = 65536
  static let table: UInt64 = 32 << 20

  /// Sizes around a sector, a grain and a grain table.
  static let sizes: [UInt64] = [
    512, grain - 512, grain, grain + 512, table - 512, table, table + 512, 2 * table + 3 * grain + 512,
  ]

  /// Where a disk of a given size has data.
  enum Pattern: CaseIterable {
    case empty, full, ends, scattered

    func data(_ size: UInt64) -> [Range<UInt64>] {
      switch self {
      case .empty: return []
      // Only the start and end of large disks are filled, so that the tests run fast.
      case .full: return size <= 1 << 20 ? [0..<size] : [0..<(1 << 20), size - (1 << 20)..<size]
      case .ends: return [0..<min(size, 512), max(size, 512) - 512..<size]
      case .scattered:
        var random = Seeded(size)
        return (0..<12).map { _ in
          let start = UInt64.random(in: 0..<size, using: &random)
          return start..<min(size, start + UInt64.random(in: 1...200_000, using: &random))
        }
      }
    }
  }

  @Test(arguments: Kind.allCases, Pattern.allCases)
  func everySizeReadsAsItsSource(_ kind: Kind, _ pattern: Pattern) async throws {
    for size in Self.sizes {
      let workspace = try Workspace()
      let raw = try RawImage(workspace, size: size, data: pattern.data(size), seed: size)
      let path = workspace("disk.vmdk")
      try await QemuImg.convert(raw, to: kind.rawValue, at: path)

      let opened = try openDisk(at: path)
      #expect(opened.format == .vmdk)
      #expect(opened.warnings.isEmpty)
      #expect(opened.files.first == path)
      #expect(opened.files.count == (kind == .monolithicSparse ? 1 : 2))
      let source = try openDisk(at: raw.path, format: .raw).disk
      try expectSameBytes(opened.disk, source)
      try await expectSameExtents(opened.disk, path, kind)

      try expectSameAtRandomOffsets(opened.disk, source, seed: size)
      if size == Self.sizes.last {
        try await QemuImg.convertBack(path, to: workspace("back.raw"))
        try expectSameBytes(opened.disk, openDisk(at: workspace("back.raw")).disk)
      }
    }
  }

  /// A split disk has files of 2 GiB each; a little more than 4 GiB makes three.
  @Test(arguments: Kind.allCases)
  func theBordersOfTwoGigabytePieces(_ kind: Kind) async throws {
    let workspace = try Workspace()
    let split: UInt64 = 2 << 30
    let size = 2 * split + 3 * Self.grain + 512
    let raw = try RawImage(
      workspace, size: size,
      data: [
        0..<100, split - 70000..<split + 70000, split + Self.table - 5..<split + Self.table + 5,
        2 * split - 1..<2 * split + 1, size - 700..<size,
      ])
    let path = workspace("disk.vmdk")
    try await QemuImg.convert(raw, to: kind.rawValue, at: path)
    let opened = try openDisk(at: path)
    #expect(opened.files.count == [.monolithicSparse: 1, .monolithicFlat: 2][kind] ?? 4)
    let source = try openDisk(at: raw.path).disk
    try expectSameBytes(opened.disk, source)
    try await expectSameExtents(opened.disk, path, kind)
    for border in [split, 2 * split, split + Self.table] {
      for (before, count) in [(1, 2), (512, 1024), (65536, 200_000), (1_000_000, 2_000_000)] {
        let offset = border - UInt64(before)
        let length = Int(min(UInt64(count), size - offset))
        #expect(try equal(opened.disk.bytes(at: offset, count: length), source.bytes(at: offset, count: length)))
      }
    }
    #expect(try failure { _ = try opened.disk.bytes(at: size - 1, count: 2) }.errno == 22)
    #expect(try failure { _ = try opened.disk.bytes(at: .max, count: 2) }.errno == 22)
    #expect(try failure { _ = try opened.disk.extents(in: 0..<(size + 1)) }.errno == 22)
    #expect(try opened.disk.bytes(at: size, count: 0) == [])
    #expect(try opened.disk.extents(in: size..<size) == [])
  }

  /// Grains that qemu marks as zeros, with a version 2 header.
  @Test func zeroedGrains() async throws {
    let workspace = try Workspace()
    let path = workspace("disk.vmdk")
    try await run(tool: "qemu-img", ["create", "-q", "-f", "vmdk", "-o", "zeroed_grain=on", path.string, "2M"])
    try await run(
      tool: "qemu-io",
      ["-f", "vmdk", "-c", "write -P 5 0 256k", "-c", "write -z 64k 64k", "-c", "write -z 1M 128k", path.string])
    let disk = try openDisk(at: path).disk
    let extents = try disk.extents()
    let borders: [UInt64] = [65536, 131072, 262144, 1 << 20, 1_179_648, 2 << 20]
    #expect(extents.map(\.range.upperBound) == borders)
    #expect(extents.map(\.state) == [.data, .zero, .data, .hole, .zero, .hole])
    try await QemuImg.convertBack(path, to: workspace("back.raw"))
    try expectSameBytes(disk, openDisk(at: workspace("back.raw")).disk)
    #expect(
      try disk.bytes(at: 65000, count: 2000) == Array(repeating: 5, count: 536) + Array(repeating: 0, count: 1464))
    try await expectSameExtents(disk, path, .monolithicSparse)
  }

  /// Grains in the order they were written, not in disk order.
  @Test func scatteredGrains() async throws {
    let workspace = try Workspace()
    let path = workspace("disk.vmdk")
    try await run(tool: "qemu-img", ["create", "-q", "-f", "vmdk", path.string, "70M"])
    var random = Seeded(3)
    var commands: [String] = []
    for number in 0..<150 {
      let offset = UInt64.random(in: 0..<(69 << 20), using: &random) & ~511
      commands += ["-c", "write -P \(number % 250 + 1) \(offset) \((number * 1024) % 150_000 / 512 * 512 + 512)"]
    }
    try await run(tool: "qemu-io", ["-f", "vmdk"] + commands + [path.string])
    let disk = try openDisk(at: path).disk
    try await QemuImg.convertBack(path, to: workspace("back.raw"))
    let expected = try openDisk(at: workspace("back.raw")).disk
    try expectSameBytes(disk, expected)
    try expectSameAtRandomOffsets(disk, expected, seed: 4)
    try await expectSameExtents(disk, path, .monolithicSparse)
  }

  private func expectSameAtRandomOffsets(
    _ disk: any VirtualDisk, _ expected: any VirtualDisk, seed: UInt64,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    var random = Seeded(seed)
    for _ in 0..<60 {
      let near = UInt64.random(in: 0...disk.size, using: &random)
      // Half of the offsets are just before a grain boundary, so that reads straddle it.
      let offset =
        Bool.random(using: &random)
        ? near : (near / Self.grain * Self.grain).subtractingReportingOverflow(7).partialValue
      guard offset <= disk.size else { continue }
      let count = Int(min(UInt64.random(in: 0...300_000, using: &random), disk.size - offset))
      let same = try equal(disk.bytes(at: offset, count: count), expected.bytes(at: offset, count: count))
      #expect(same, "\(offset) + \(count)", sourceLocation: sourceLocation)
    }
  }

  private func expectSameExtents(
    _ disk: any VirtualDisk, _ path: FilePath, _ kind: Kind, sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let ours = try disk.extents()
    expectWellFormed(ours, covering: 0..<disk.size, sourceLocation: sourceLocation)
    // qemu does not merge ranges across extent files or where the file offset jumps. Merge its ranges here.
    var expected: [DiskExtent] = []
    for entry in try await QemuImg.map(path) {
      let state: DiskExtent.State = !entry.zero ? .data : kind.isSparse && entry.present ? .zero : .hole
      let range = entry.start..<(entry.start + entry.length)
      if let last = expected.last, last.state == state {
        expected[expected.count - 1] = DiskExtent(range: last.range.lowerBound..<range.upperBound, state: state)
      } else {
        expected.append(DiskExtent(range: range, state: state))
      }
    }
    #expect(ours == expected, sourceLocation: sourceLocation)

    // Requests for parts of the disk, and stopping early, give the same extents.
    var random = Seeded(disk.size)
    for _ in 0..<10 {
      let a = UInt64.random(in: 0...disk.size, using: &random)
      let b = UInt64.random(in: 0...disk.size, using: &random)
      let part = min(a, b)..<max(a, b)
      let cut = expected.compactMap { extent -> DiskExtent? in
        let range = extent.range.clamped(to: part)
        return range.isEmpty ? nil : DiskExtent(range: range, state: extent.state)
      }
      #expect(try disk.extents(in: part) == cut, sourceLocation: sourceLocation)
      var first: [DiskExtent] = []
      try disk.extents(in: part) { extent in
        first.append(extent)
        return false
      }
      #expect(first == Array(cut.prefix(1)), sourceLocation: sourceLocation)
    }
  }
}
