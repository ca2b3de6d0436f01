import SystemPackage
import Testing

/// ESX sparse extents written by the tests: COWD and seSparse.
@Suite(.serialized) struct ESXCorpusTests {
  private let workspace: Workspace

  init() throws { workspace = try Workspace() }

  /// A COWD disk, and its extent alone.
  private func cowd(_ plan: GrainPlan, _ turn: Int) throws -> [CorpusImage] {
    try COWDWriter().write(plan, workspace, "cowd-\(turn)-delta.vmdk")
    let lines = ["RW \(plan.sectors) VMFSSPARSE \"cowd-\(turn)-delta.vmdk\""]
    let path = try workspace.write(
      DescriptorWriter(createType: "vmfsSparse", extents: lines).text, to: "cowd-\(turn).vmdk")
    let alone = CorpusImage(
      workspace("cowd-\(turn)-delta.vmdk"), plan.content, except: [.qemu, .libvmdk], warning: "has no descriptor")
    // libvmdk takes half a minute for the largest directory.
    let except: Set<Reader> = plan.size > 1 << 40 ? [.libvmdk] : []
    return [CorpusImage(path, plan.content, except: except)] + (turn % 4 == 1 ? [alone] : [])
  }

  /// An seSparse disk, and its extent alone. libvmdk does not support the kind, and dissect takes half a minute for
  /// the largest directory.
  private func seSparse(_ plan: GrainPlan, _ turn: Int) throws -> [CorpusImage] {
    try SESparseWriter(firstGrain: turn % 3 == 2 ? 4090 : 0).write(plan, workspace, "se-\(turn)-sesparse.vmdk")
    let lines = ["RW \(plan.sectors) SESPARSE \"se-\(turn)-sesparse.vmdk\""]
    let path = try workspace.write(
      DescriptorWriter(createType: "seSparse", extents: lines).text, to: "se-\(turn).vmdk")
    let alone = CorpusImage(
      workspace("se-\(turn)-sesparse.vmdk"), plan.content, except: [.qemu, .libvmdk], warning: "has no descriptor")
    let except: Set<Reader> = plan.size > 60 << 40 ? [.libvmdk, .dissect] : [.libvmdk]
    return [CorpusImage(path, plan.content, except: except)] + (turn % 4 == 1 ? [alone] : [])
  }

  @Test(arguments: Pattern.allCases)
  func everyCOWDSize(_ pattern: Pattern) async throws {
    var images: [CorpusImage] = []
    var turn = 0
    for grain: UInt64 in [512, 65536] {
      for size in CorpusSizes.small(grain: grain, table: 4096 * grain) where size < 160 << 20 || grain == 65536 {
        images += try cowd(pattern.plan(size: size, grain: grain, table: 4096, zeros: false), turn)
        turn += 1
      }
    }
    try await expectReadAlike(images, workspace)
  }

  /// A COWD header has a 32-bit sector count.
  @Test func largeCOWD() async throws {
    var images: [CorpusImage] = []
    for (turn, size) in (CorpusSizes.aroundTwoGiB + CorpusSizes.aroundTwoTiB.prefix(1)).enumerated() {
      images += try cowd(Pattern.random.plan(size: size, grain: 512, table: 4096, zeros: false), turn)
    }
    try await expectReadAlike(images, workspace)
  }

  /// Grains as far into the file as 32-bit sector numbers reach, and a disk that was not closed cleanly.
  @Test func farAndUncleanCOWD() async throws {
    var images: [CorpusImage] = []
    let writers = [COWDWriter(firstTable: 0x7fff_ffe0), COWDWriter(firstTable: 0xffff_0000), COWDWriter(unclean: true)]
    for (turn, writer) in writers.enumerated() {
      let plan = Pattern.random.plan(size: (4 << 20) + 512, grain: 512, table: 4096, zeros: false)
      try writer.write(plan, workspace, "far-\(turn)-delta.vmdk")
      let lines = ["RW \(plan.sectors) VMFSSPARSE \"far-\(turn)-delta.vmdk\""]
      let path = try workspace.write(
        DescriptorWriter(createType: "vmfsSparse", extents: lines).text, to: "far-\(turn).vmdk")
      images.append(CorpusImage(path, plan.content, warning: writer.unclean ? "clean" : nil))
    }
    try await expectReadAlike(images, workspace)
  }

  @Test(arguments: Pattern.allCases)
  func everySESparseSize(_ pattern: Pattern) async throws {
    var images: [CorpusImage] = []
    for (turn, size) in CorpusSizes.small(grain: 4096, table: 16 << 20).enumerated() {
      images += try seSparse(pattern.plan(size: size, grain: 4096, table: 4096, zeros: true), turn)
    }
    try await expectReadAlike(images, workspace)
  }

  @Test(arguments: [Pattern.random, .zeroed])
  func largeSESparse(_ pattern: Pattern) async throws {
    var images: [CorpusImage] = []
    let sizes = CorpusSizes.aroundTwoGiB + CorpusSizes.aroundTwoTiB + [CorpusSizes.largest - 512, CorpusSizes.largest]
    for (turn, size) in sizes.enumerated() {
      images += try seSparse(pattern.plan(size: size, grain: 4096, table: 4096, zeros: true), turn)
    }
    try await expectReadAlike(images, workspace)
  }
}
