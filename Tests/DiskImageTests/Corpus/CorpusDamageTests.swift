import DiskImage
import Glibc
import SystemPackage
import Testing

/// Images with invalid entries. What is stored twice is read from the redundant copy. What is lost is an error for
/// its own range only.
struct CorpusDamageTests {
  private let workspace: Workspace

  init() throws { workspace = try Workspace() }

  /// Overwrites a part of a file.
  private func patch(_ path: FilePath, at offset: UInt64, _ bytes: [UInt8]) throws {
    let file = try FileDescriptor.open(path, .writeOnly)
    try file.closeAfter { _ = try file.writeAll(toAbsoluteOffset: Int64(offset), bytes) }
  }

  /// Checks that a disk reads as its content except for the lost ranges, which are in order.
  private func expectLost(
    _ lost: [Range<UInt64>], _ path: FilePath, _ content: Content, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let opened = try openDisk(at: path, format: .vmdk)
    let disk = opened.disk
    defer { disk.close() }
    #expect(disk.size == content.size, sourceLocation: sourceLocation)
    let unreadable = try disk.locations(in: 0..<disk.size).filter { $0.storage == .unreadable }.map(\.range)
    #expect(unreadable == lost, sourceLocation: sourceLocation)
    try expectRead(disk, content, but: lost, sourceLocation: sourceLocation)
    // Lost ranges are not reported as zeros, and their neighbours have the right state.
    var states = Content()
    var position: UInt64 = 0
    for range in lost + [content.size..<content.size] {
      for piece in content.pieces(in: position..<range.lowerBound) {
        states.append(UInt64(piece.range.count), piece.state)
      }
      states.append(UInt64(range.count), .data)
      position = range.upperBound
    }
    let difference = try disk.extents().difference(states.extents)
    #expect(difference == nil, sourceLocation: sourceLocation)
  }

  /// Checks that exactly the lost bytes cannot be read, and that all others are right.
  private func expectRead(
    _ disk: any VirtualDisk, _ content: Content, but lost: [Range<UInt64>], sourceLocation: SourceLocation
  ) throws {
    var position: UInt64 = 0
    for range in lost + [content.size..<content.size] {
      for piece in content.pieces(in: position..<range.lowerBound) {
        let start = piece.range.lowerBound
        // Of long pieces, only the ends.
        let parts =
          piece.range.count <= 1 << 20
          ? [piece.range] : [start..<(start + 65536), (piece.range.upperBound - 65536)..<piece.range.upperBound]
        for part in parts {
          let same = try equal(disk.bytes(at: part.lowerBound, count: part.count), content.bytes(in: part))
          #expect(same, "\(part)", sourceLocation: sourceLocation)
        }
      }
      if !range.isEmpty {
        for (offset, count) in [
          (range.lowerBound, 1), (range.lowerBound, 4096), ((range.lowerBound + range.upperBound) / 2, 512),
          (range.upperBound - 1, 1), (max(range.lowerBound, 1) - 1, 2), (range.upperBound - 1, 2),
        ] where offset + UInt64(count) <= content.size {
          let error = try failure(sourceLocation: sourceLocation) { _ = try disk.bytes(at: offset, count: count) }
          #expect(error.errno == EIO, sourceLocation: sourceLocation)
        }
      }
      position = range.upperBound
    }
  }

  // MARK: - Hosted extents with two directories

  private static let grain: UInt64 = 65536
  private static let table: UInt64 = 32 << 20

  private func hosted(redundant: Bool = true) throws -> (FilePath, GrainPlan, HostedWriter.Layout) {
    let size = 3 * Self.table + 5 * Self.grain + 512
    let plan = Pattern.random.plan(size: size, grain: Self.grain, table: 512, zeros: true)
    let text = DescriptorWriter(
      createType: "monolithicSparse", extents: ["RW \(plan.sectors) SPARSE \"disk.vmdk\""]
    ).text
    let layout = try HostedWriter(redundant: redundant, descriptor: text).write(plan, workspace, "disk.vmdk")
    return (workspace("disk.vmdk"), plan, layout)
  }

  /// Invalid directory and table entries: sectors beyond the end of the file, far and near.
  private static func badEntries(_ layout: HostedWriter.Layout) -> [UInt32] {
    [.max, 0x8000_0000, UInt32(layout.length), UInt32(layout.length) + 128]
  }

  @Test func aDirectoryEntryIsReplacedByTheRedundantOne() throws {
    let (path, plan, layout) = try hosted()
    for table in 0..<4 as Range<UInt64> {
      for bad in Self.badEntries(layout) {
        try patch(path, at: layout.directory * 512 + table * 4, littleEndian([bad]))
        try expectLost([], path, plan.content)
        #expect(try !openDisk(at: path).warnings.isEmpty)
      }
      try patch(path, at: layout.directory * 512 + table * 4, littleEndian([UInt32(layout.tables[table] ?? 0)]))
    }
    #expect(try openDisk(at: path).warnings.isEmpty)
  }

  @Test func aTableEntryIsReplacedByTheRedundantOne() throws {
    let (path, plan, layout) = try hosted()
    for index in plan.stored {
      guard let table = layout.tables[index / 512], let sector = layout.grains[index] else { continue }
      for bad in Self.badEntries(layout) {
        try patch(path, at: table * 512 + index % 512 * 4, littleEndian([bad]))
        try expectLost([], path, plan.content)
      }
      try patch(path, at: table * 512 + index % 512 * 4, littleEndian([UInt32(sector)]))
    }
  }

  @Test func bothTablesEntriesBadLoseTheGrain() throws {
    let (path, plan, layout) = try hosted()
    // The second of two neighbours, and the last grain, which is partial.
    let stored = plan.stored
    let lost = [stored.first { plan.states[$0 - 1] == .data } ?? 0, plan.count - 1]
    for index in lost {
      for tables in [layout.tables, layout.redundantTables] {
        let table = try #require(tables[index / 512])
        try patch(path, at: table * 512 + index % 512 * 4, littleEndian([UInt32.max]))
      }
    }
    let ranges = lost.map { $0 * Self.grain..<min(($0 + 1) * Self.grain, plan.size) }
    try expectLost(ranges, path, plan.content)
  }

  @Test func bothDirectoriesEntriesBadLoseTheTable() throws {
    let (path, plan, layout) = try hosted()
    for directory in [layout.directory, try #require(layout.redundantDirectory)] {
      try patch(path, at: directory * 512 + 4, littleEndian([UInt32.max]))
    }
    try expectLost([Self.table..<2 * Self.table], path, plan.content)
  }

  /// A good table in one set and a good entry in the other, but never both.
  @Test func aDirectoryEntryAndARedundantTablesEntryBadLoseTheGrain() throws {
    let (path, plan, layout) = try hosted()
    let index = try #require(plan.stored.first { $0 >= 512 })
    let table = try #require(layout.redundantTables[index / 512])
    try patch(path, at: layout.directory * 512 + index / 512 * 4, littleEndian([UInt32.max]))
    try patch(path, at: table * 512 + index % 512 * 4, littleEndian([UInt32.max]))
    try expectLost([index * Self.grain..<(index + 1) * Self.grain], path, plan.content)
  }

  @Test func withoutARedundantDirectoryAnEntryLosesItsGrain() throws {
    let (path, plan, layout) = try hosted(redundant: false)
    let index = try #require(plan.stored.first)
    let table = try #require(layout.tables[index / 512])
    for bad in Self.badEntries(layout) {
      try patch(path, at: table * 512 + index % 512 * 4, littleEndian([bad]))
      try expectLost([index * Self.grain..<(index + 1) * Self.grain], path, plan.content)
    }
    try patch(path, at: layout.directory * 512 + 2 * 4, littleEndian([UInt32.max]))
    try expectLost(
      [index * Self.grain..<(index + 1) * Self.grain, 2 * Self.table..<3 * Self.table], path, plan.content)
  }

  // MARK: - ESX sparse extents

  @Test func aBadCOWDEntryLosesItsGrainOrTable() throws {
    let plan = Pattern.random.plan(size: (5 << 20) + 512, grain: 512, table: 4096, zeros: false)
    let layout = try COWDWriter().write(plan, workspace, "delta.vmdk")
    let path = try workspace.write(
      DescriptorWriter(createType: "vmfsSparse", extents: ["RW \(plan.sectors) VMFSSPARSE \"delta.vmdk\""]).text,
      to: "disk.vmdk")
    let index = try #require(plan.stored.first)
    let table = try #require(layout.tables[index / 4096])
    for bad in [UInt32.max, UInt32(layout.length)] {
      try patch(workspace("delta.vmdk"), at: table * 512 + index % 4096 * 4, littleEndian([bad]))
      try expectLost([index * 512..<(index + 1) * 512], path, plan.content)
    }
    try patch(workspace("delta.vmdk"), at: layout.directory * 512 + 4, littleEndian([UInt32.max]))
    try expectLost([index * 512..<(index + 1) * 512, 2 << 20..<4 << 20], path, plan.content)
  }

  @Test func aBadSESparseEntryLosesItsGrainOrTable() throws {
    let plan = Pattern.random.plan(size: (40 << 20) + 512, grain: 4096, table: 4096, zeros: true)
    let layout = try SESparseWriter().write(plan, workspace, "sesparse.vmdk")
    let path = try workspace.write(
      DescriptorWriter(createType: "seSparse", extents: ["RW \(plan.sectors) SESPARSE \"sesparse.vmdk\""]).text,
      to: "disk.vmdk")
    let index = try #require(plan.stored.first)
    let table = try #require(layout.tables[index / 4096])
    let grain = index * 4096..<(index + 1) * 4096
    // Grains beyond the end of the file, far and near, and unknown types of entries.
    for bad in [
      0x3fff_ffff_ffff_ffff, SESparseWriter.entry(UInt64(plan.stored.count)), 0x4000_0000_0000_0000, UInt64.max,
    ] {
      try patch(workspace("sesparse.vmdk"), at: table * 512 + index % 4096 * 8, littleEndian([bad]))
      try expectLost([grain], path, plan.content)
    }
    for bad: UInt64 in [0x1000_0000_ffff_ffff, 0x1000_0000_0000_0010, 0x2000_0000_0000_0000] {
      try patch(workspace("sesparse.vmdk"), at: layout.directory * 512 + 8, littleEndian([bad]))
      try expectLost([grain, 16 << 20..<32 << 20], path, plan.content)
    }
  }

  @Test func aJournalThatWaitsIsRefusedUnlessAskedFor() throws {
    let plan = Pattern.random.plan(size: (1 << 20) + 512, grain: 4096, table: 4096, zeros: true)
    try SESparseWriter(replayJournal: 1).write(plan, workspace, "sesparse.vmdk")
    let path = try workspace.write(
      DescriptorWriter(createType: "seSparse", extents: ["RW \(plan.sectors) SESPARSE \"sesparse.vmdk\""]).text,
      to: "disk.vmdk")
    #expect(try refusal(path).message.contains("ignore-journal"))
    var options = OpenOptions()
    options.ignoresJournal = true
    let disk = try openDisk(at: path, options: options).disk
    #expect(try equal(disk.bytes(at: 0, count: Int(plan.size)), plan.content.bytes(in: 0..<plan.size)))
  }

  // MARK: - Compressed grains

  /// How a grain's marker or compressed bytes are damaged.
  enum GrainDamage: CaseIterable {
    case endless, empty, elsewhere, changed, shorter, longer
  }

  /// Damage that only inflating the grain detects: reading it is an error, but its location is known.
  @Test(arguments: GrainDamage.allCases, Compression.allCases)
  func aBadCompressedGrainIsLost(_ damage: GrainDamage, _ compression: Compression) throws {
    let plan = Pattern.full.plan(size: 20 * Self.grain + 512, grain: Self.grain, table: 512, zeros: false)
    let descriptor = DescriptorWriter(
      createType: "streamOptimized", extents: ["RW \(plan.sectors) SPARSE \"disk.vmdk\""])
    let writer = StreamWriter(compression: compression, descriptor: descriptor.text)
    let layout = try writer.write(plan, workspace, "disk.vmdk")
    let stored = try #require(layout.grains[7])
    let marker = stored.lowerBound - 12
    let path = workspace("disk.vmdk")
    switch damage {
    case .endless: try patch(path, at: marker + 8, littleEndian([UInt32.max]))
    case .empty: try patch(path, at: marker + 8, littleEndian([UInt32(0)]))
    case .elsewhere: try patch(path, at: marker, littleEndian([UInt64(8 * 128)]))
    case .changed: try patch(path, at: stored.lowerBound, [UInt8](repeating: 0xff, count: 40))
    case .shorter, .longer:
      let count = damage == .shorter ? Self.grain - 512 : Self.grain + 512
      let bytes = try compression(Content.stream(plan.seed, from: 7 * Self.grain, count: Int(count)))
      try patch(path, at: marker + 8, littleEndian([UInt32(bytes.count)]) + bytes)
    }
    let disk = try openDisk(at: path).disk
    // A longer grain may overwrite the next grain's marker.
    let grows = damage == .longer && compression == .zlibStored
    let lost = 7 * Self.grain..<(grows ? 9 : 8) * Self.grain
    try expectRead(disk, plan.content, but: [lost], sourceLocation: #_sourceLocation)
  }
}
