import SystemPackage
import Testing

/// Hosted sparse extents written by the tests.
@Suite(.serialized) struct HostedCorpusTests {
  private let workspace: Workspace

  init() throws { workspace = try Workspace() }

  /// libvmdk supports neither zeroed grains nor grains of 4 KiB, and dissect takes half a minute for the largest
  /// directory.
  private func except(_ plan: GrainPlan) -> Set<Reader> {
    var except: Set<Reader> = plan.size == CorpusSizes.largest ? [.dissect] : []
    if plan.states.values.contains(.zero) || plan.grain <= 4096 { except.insert(.libvmdk) }
    return except
  }

  /// Versions, directories and locations of the descriptor take turns.
  private func image(_ plan: GrainPlan, _ turn: Int) throws -> CorpusImage {
    let name = "hosted-\(turn).vmdk"
    var writer = HostedWriter(
      version: UInt32(turn % 3 + 1), redundant: turn % 4 < 2, omitsEmptyTables: plan.size > 1 << 30 || turn % 5 == 0)
    guard turn % 2 == 0 else {
      try writer.write(plan, workspace, "extent-\(turn).vmdk")
      let line = "RW \(plan.sectors) SPARSE \"extent-\(turn).vmdk\""
      let path = try workspace.write(
        DescriptorWriter(createType: "twoGbMaxExtentSparse", extents: [line]).text, to: name)
      return CorpusImage(path, plan.content, except: except(plan))
    }
    writer.descriptor =
      DescriptorWriter(createType: "monolithicSparse", extents: ["RW \(plan.sectors) SPARSE \"\(name)\""]).text
    try writer.write(plan, workspace, name)
    return CorpusImage(workspace(name), plan.content, except: except(plan))
  }

  @Test(arguments: Pattern.allCases)
  func everySize(_ pattern: Pattern) async throws {
    var images: [CorpusImage] = []
    for (grain, entries): (UInt64, UInt64) in [(65536, 512), (4096, 512)] {
      for size in CorpusSizes.small(grain: grain, table: grain * entries) {
        let plan = pattern.plan(size: size, grain: grain, table: entries, zeros: true)
        images.append(try image(plan, images.count))
      }
    }
    try await expectReadAlike(images, workspace)
  }

  @Test(arguments: [Pattern.random, .zeroed])
  func largeDisks(_ pattern: Pattern) async throws {
    var images: [CorpusImage] = []
    for size in CorpusSizes.aroundTwoGiB + CorpusSizes.aroundTwoTiB + [CorpusSizes.largest] {
      let plan = pattern.plan(size: size, grain: 65536, table: 512, zeros: true)
      images.append(try image(plan, images.count))
    }
    try await expectReadAlike(images, workspace)
  }

  /// Grains of every power of two from 4 KiB to 1 MiB, with several table lengths.
  @Test func grainAndTableSizes() async throws {
    var images: [CorpusImage] = []
    for shift in 3...11 as ClosedRange<UInt64> {
      let grain: UInt64 = 512 << shift
      for entries: UInt64 in [4, 128, 512] {
        let plan = Pattern.random.plan(size: 11 * grain + 512, grain: grain, table: entries, zeros: true)
        let extent = "extent-\(shift)-\(entries).vmdk"
        try HostedWriter(entriesPerTable: entries).write(plan, workspace, extent)
        images.append(try self.image(of: extent, plan, except: except(plan)))
      }
    }
    try await expectReadAlike(images, workspace)
  }

  private func image(of extent: String, _ plan: GrainPlan, except: Set<Reader>, warning: String? = nil) throws
    -> CorpusImage
  {
    let line = "RW \(plan.sectors) SPARSE \"\(extent)\""
    let path = try workspace.write(
      DescriptorWriter(createType: "twoGbMaxExtentSparse", extents: [line]).text, to: "disk-\(extent)")
    return CorpusImage(path, plan.content, except: except, warning: warning)
  }

  /// Grains as far into the file as 32-bit sector numbers reach, and a disk that was not closed cleanly.
  @Test func farGrainsAndUncleanDisks() async throws {
    var images: [CorpusImage] = []
    for first: UInt64 in [0x7fff_ff80, 0xffff_0000] {
      let plan = Pattern.random.plan(size: 20 * 65536 + 512, grain: 65536, table: 512, zeros: false)
      try HostedWriter(firstGrain: first).write(plan, workspace, "far-\(first).vmdk")
      images.append(try image(of: "far-\(first).vmdk", plan, except: []))
    }
    let plan = Pattern.random.plan(size: 20 * 65536 + 512, grain: 65536, table: 512, zeros: false)
    try HostedWriter(unclean: true).write(plan, workspace, "unclean.vmdk")
    images.append(try image(of: "unclean.vmdk", plan, except: [], warning: "clean"))
    try await expectReadAlike(images, workspace)
  }

  /// A file with another name than in its descriptor. libvmdk looks for the name in the descriptor.
  @Test func renamedFiles() async throws {
    let plan = Pattern.random.plan(size: 20 * 65536 + 512, grain: 65536, table: 512, zeros: false)
    let text = DescriptorWriter(
      createType: "monolithicSparse", extents: ["RW \(plan.sectors) SPARSE \"before.vmdk\""]
    ).text
    try HostedWriter(descriptor: text).write(plan, workspace, "after.vmdk")
    try await expectReadAlike([CorpusImage(workspace("after.vmdk"), plan.content, except: [.libvmdk])], workspace)
  }

  /// An extent without a descriptor; the other readers get one.
  @Test(arguments: Pattern.allCases)
  func extentsAlone(_ pattern: Pattern) async throws {
    var images: [CorpusImage] = []
    for size: UInt64 in [512, 65536, 40 * 65536 + 512, (32 << 20) + 512] {
      let plan = pattern.plan(size: size, grain: 65536, table: 512, zeros: true)
      let name = "alone-\(size).vmdk"
      try HostedWriter().write(plan, workspace, name)
      let lines = ["RW \(plan.sectors) SPARSE \"\(name)\""]
      let twin = try workspace.write(
        DescriptorWriter(createType: "twoGbMaxExtentSparse", extents: lines).text, to: "twin-\(size).vmdk")
      images.append(
        CorpusImage(
          workspace(name), plan.content, except: except(plan), twins: [.qemu: twin, .libvmdk: twin, .dissect: twin],
          warning: "has no descriptor"))
    }
    try await expectReadAlike(images, workspace)
  }

  /// Split disks like those of `twoGbMaxExtentSparse`: up to three pieces of 2 GiB minus 1 MiB and the remainder,
  /// and small pieces.
  @Test(arguments: Pattern.allCases)
  func splitDisks(_ pattern: Pattern) async throws {
    var images: [CorpusImage] = []
    let two: UInt64 = 2047 << 20
    let layouts: [(piece: UInt64, size: UInt64)] = [
      (two, two), (two, two + 512), (two, 3 * two), (two, 3 * two + 65536 + 512), (1 << 20, (5 << 20) + 512),
      (65536, 4 * 65536 + 512),
    ]
    for (piece, size) in layouts {
      let plan = pattern.plan(size: size, grain: 65536, table: 512, zeros: true)
      var content = Content()
      var lines: [String] = []
      for start in stride(from: 0, to: size, by: Int(piece)) {
        let part = plan.part(from: start / 65536, size: min(piece, size - start))
        let name = "split-\(images.count)-s\(lines.count + 1).vmdk"
        try HostedWriter(version: 1).write(part, workspace, name)
        lines.append("RW \(part.sectors) SPARSE \"\(name)\"")
        content.append(part.content)
      }
      let path = try workspace.write(
        DescriptorWriter(createType: "twoGbMaxExtentSparse", extents: lines).text, to: "split-\(images.count).vmdk")
      images.append(CorpusImage(path, content, except: except(plan)))
    }
    try await expectReadAlike(images, workspace)
  }
}
