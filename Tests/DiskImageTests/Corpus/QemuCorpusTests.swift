import SystemPackage
import Testing

/// Images written by qemu-img: every kind it supports, at every size.
@Suite(.serialized) struct QemuCorpusTests {
  private let workspace: Workspace

  init() throws { workspace = try Workspace() }

  @Test(arguments: QemuWriter.kinds)
  func everySize(_ kind: String) async throws {
    var images: [CorpusImage] = []
    let sizes = CorpusSizes.small(grain: 65536, table: 32 << 20) + [(2 << 30) - 512, (2 << 30) + 512, (4 << 30) + 512]
    for pattern in Pattern.allCases {
      for size in sizes {
        var plan = pattern.plan(
          size: size, grain: 65536, table: 512, zeros: ["monolithicSparse", "twoGbMaxExtentSparse"].contains(kind))
        plan.leaveLastPart()
        let name = "disk-\(images.count).vmdk"
        let content = try await QemuWriter(workspace).write(plan, as: kind, name)
        let hasZeros = plan.states.values.contains(.zero)
        images.append(
          CorpusImage(
            workspace(name), content, except: hasZeros ? [.libvmdk] : [], hasFlatParts: kind.hasSuffix("Flat")))
      }
    }
    try await expectReadAlike(images, workspace)
  }

  /// qemu-img creates disks of zero bytes, which qemu does not open. This project does not open them either.
  @Test(arguments: QemuWriter.kinds)
  func emptyDisks(_ kind: String) async throws {
    let path = workspace("empty.vmdk")
    try await run(tool: "qemu-img", ["create", "-q", "-f", "vmdk", "-o", "subformat=\(kind)", path.string, "0"])
    let message = try refusal(path).message
    #expect(message.contains("0 sectors") || message.contains("names no extents"))
  }
}
