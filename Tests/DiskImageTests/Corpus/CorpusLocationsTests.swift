import DiskImage
import SystemPackage
import Testing

/// Maps bytes of a file to the disk, and compares that with where the writers put the grains.
struct CorpusLocationsTests {
  private let workspace: Workspace

  init() throws { workspace = try Workspace() }

  private static let sizes: [UInt64] = [40 * 65536 + 512, (70 << 20) + 512]

  /// Checks that every stored grain is found from its bytes in the file, and that nothing is found before the first.
  private func expectGrains(
    _ plan: GrainPlan, at sectors: [UInt64: UInt64], of file: FilePath, _ path: FilePath,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let disk = try openDisk(at: path, format: .vmdk).disk
    for (index, sector) in sectors {
      let offset = sector * 512
      let range = index * plan.grain..<min((index + 1) * plan.grain, plan.size)
      let whole = [DiskLocation(range: range, storage: .file(file, offset: offset))]
      #expect(
        try disk.locations(ofBytes: offset..<(offset + plan.grain), in: file) == whole, sourceLocation: sourceLocation)
      let part = [
        DiskLocation(
          range: (range.lowerBound + 7)..<(range.lowerBound + 300), storage: .file(file, offset: offset + 7))
      ]
      #expect(
        try disk.locations(ofBytes: (offset + 7)..<(offset + 300), in: file) == part, sourceLocation: sourceLocation)
      #expect(try disk.locations(in: range) == whole, sourceLocation: sourceLocation)
    }
    let first = try #require(sectors.values.min())
    #expect(try disk.locations(ofBytes: 0..<first * 512, in: file) == [], sourceLocation: sourceLocation)
    #expect(try disk.locations(ofBytes: 0..<UInt64.max, in: "/nowhere") == [], sourceLocation: sourceLocation)
  }

  private func descriptor(_ type: String, _ extent: String, _ plan: GrainPlan) throws -> FilePath {
    try workspace.write(
      DescriptorWriter(createType: type, extents: ["RW \(plan.sectors) \(extent) \"extent.vmdk\""]).text,
      to: "disk.vmdk")
  }

  /// A plan without adjacent grains, so that every grain is a separate range.
  private func plan(_ size: UInt64, _ grain: UInt64, table: UInt64) -> GrainPlan {
    var plan = Pattern.full.plan(size: size, grain: grain, table: table, zeros: false)
    plan.states = plan.states.filter { $0.key % 2 == (plan.count - 1) % 2 }
    return plan
  }

  @Test(arguments: sizes)
  func hostedGrains(_ size: UInt64) throws {
    let plan = plan(size, 65536, table: 512)
    let layout = try HostedWriter().write(plan, workspace, "extent.vmdk")
    try expectGrains(
      plan, at: layout.grains, of: workspace("extent.vmdk"), descriptor("twoGbMaxExtentSparse", "SPARSE", plan))
  }

  @Test(arguments: sizes)
  func cowdGrains(_ size: UInt64) throws {
    let plan = plan(size, 512, table: 4096)
    let layout = try COWDWriter().write(plan, workspace, "extent.vmdk")
    try expectGrains(
      plan, at: layout.grains, of: workspace("extent.vmdk"), descriptor("vmfsSparse", "VMFSSPARSE", plan))
  }

  @Test(arguments: sizes)
  func seSparseGrains(_ size: UInt64) throws {
    let plan = plan(size, 4096, table: 4096)
    let layout = try SESparseWriter().write(plan, workspace, "extent.vmdk")
    try expectGrains(plan, at: layout.grains, of: workspace("extent.vmdk"), descriptor("seSparse", "SESPARSE", plan))
  }

  @Test(arguments: sizes, Compression.allCases)
  func compressedGrains(_ size: UInt64, _ compression: Compression) throws {
    let plan = plan(size, 65536, table: 512)
    let text = DescriptorWriter(
      createType: "streamOptimized", extents: ["RW \(plan.sectors) SPARSE \"disk.vmdk\""]
    ).text
    let layout = try StreamWriter(compression: compression, descriptor: text).write(plan, workspace, "disk.vmdk")
    let path = workspace("disk.vmdk")
    let disk = try openDisk(at: path).disk
    for (index, stored) in layout.grains {
      let range = index * plan.grain..<min((index + 1) * plan.grain, plan.size)
      let location = DiskLocation(range: range, storage: .compressed(path, at: stored, skipping: 0))
      #expect(try disk.locations(in: range) == [location])
      #expect(try disk.locations(ofBytes: (stored.lowerBound + 1)..<(stored.lowerBound + 2), in: path) == [location])
      let part = DiskLocation(
        range: (range.lowerBound + 100)..<range.upperBound, storage: .compressed(path, at: stored, skipping: 100))
      #expect(try disk.locations(in: part.range) == [part])
    }
    #expect(try disk.locations(ofBytes: 0..<128 * 512, in: path) == [])
  }

  /// Bytes of a parent that its snapshot has replaced are not part of the disk.
  @Test func whatASnapshotReplacedIsNowhere() throws {
    let below = GrainPlan(size: 20 * 65536, grain: 65536, states: [2: .data, 5: .data, 9: .data], seed: 1)
    let layout = try HostedWriter().write(below, workspace, "base-extent.vmdk")
    let lines = ["RW \(below.sectors) SPARSE \"base-extent.vmdk\""]
    try workspace.write(DescriptorWriter(createType: "twoGbMaxExtentSparse", extents: lines).text, to: "base.vmdk")
    let above = GrainPlan(size: 20 * 65536, grain: 65536, states: [2: .data, 5: .zero], seed: 2)
    try HostedWriter().write(above, workspace, "snapshot-extent.vmdk")
    let path = try workspace.write(
      DescriptorWriter(
        createType: "twoGbMaxExtentSparse", extents: ["RW \(above.sectors) SPARSE \"snapshot-extent.vmdk\""],
        cid: "22222222", parentCID: "12345678", parent: "base.vmdk"
      ).text, to: "snapshot.vmdk")
    let disk = try openDisk(at: path).disk
    let file = workspace("base-extent.vmdk")
    for (index, replaced) in [(2, true), (5, true), (9, false)] as [(UInt64, Bool)] {
      let offset = try #require(layout.grains[index]) * 512
      let location = DiskLocation(range: index * 65536..<(index + 1) * 65536, storage: .file(file, offset: offset))
      #expect(try disk.locations(ofBytes: offset..<(offset + 65536), in: file) == (replaced ? [] : [location]))
    }
  }
}
