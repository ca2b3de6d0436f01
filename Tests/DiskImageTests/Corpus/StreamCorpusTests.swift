import SystemPackage
import Testing

/// streamOptimized files written by the tests.
@Suite(.serialized) struct StreamCorpusTests {
  private let workspace: Workspace

  init() throws { workspace = try Workspace() }

  private func image(_ plan: GrainPlan, _ compression: Compression, _ turn: Int) throws -> CorpusImage {
    let name = "stream-\(turn).vmdk"
    let descriptor = DescriptorWriter(
      createType: "streamOptimized", extents: ["RW \(plan.sectors) SPARSE \"\(name)\""])
    let writer = StreamWriter(
      version: UInt32(3 - turn % 3), compression: compression, directoryInHeader: turn % 4 == 3,
      descriptor: descriptor.text)
    try writer.write(plan, workspace, name)
    var except: Set<Reader> = []
    // No other reader supports grains without a zlib header; these are only compared with the original content.
    if compression == .raw, !plan.stored.isEmpty { except = Set(Reader.allCases) }
    // libvmdk does not support zeroed grains, and dissect takes half a minute for the largest directory.
    if plan.states.values.contains(.zero) { except.insert(.libvmdk) }
    if plan.size == CorpusSizes.largest { except.insert(.dissect) }
    return CorpusImage(workspace(name), plan.content, except: except)
  }

  @Test(arguments: Pattern.allCases)
  func everySize(_ pattern: Pattern) async throws {
    var images: [CorpusImage] = []
    for compression in Compression.allCases {
      for size in CorpusSizes.small(grain: 65536, table: 32 << 20) {
        let plan = pattern.plan(size: size, grain: 65536, table: 512, zeros: images.count % 2 == 0)
        images.append(try image(plan, compression, images.count))
      }
    }
    try await expectReadAlike(images, workspace)
  }

  @Test func largeDisks() async throws {
    var images: [CorpusImage] = []
    for size in CorpusSizes.aroundTwoGiB + CorpusSizes.aroundTwoTiB + [CorpusSizes.largest] {
      let plan = Pattern.random.plan(size: size, grain: 65536, table: 512, zeros: images.count % 2 == 0)
      images.append(try image(plan, .zlib, images.count))
    }
    try await expectReadAlike(images, workspace)
  }
}
