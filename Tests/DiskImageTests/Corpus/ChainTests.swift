import SystemPackage
import Testing

/// Snapshots written by qemu-img and by the tests' writers.
@Suite(.serialized) struct ChainTests {
  private let workspace: Workspace

  init() throws { workspace = try Workspace() }

  private static let size: UInt64 = 40 * 65536 + 512

  /// A plan with a few allocated grains; with `zeros`, every third of them is zeros.
  private func plan(size: UInt64 = size, grain: UInt64, zeros: Bool, number: Int, grains: Int) -> GrainPlan {
    var plan = GrainPlan(size: size, grain: grain, seed: UInt64(number) + 100)
    var random = Seeded(size &+ UInt64(number))
    for _ in 0..<grains {
      let index = UInt64.random(in: 0..<plan.count, using: &random)
      plan.states[index] = zeros && plan.states.count % 3 == 0 ? .zero : .data
    }
    return plan
  }

  /// The readers that cannot read a chain of links, base first. libvmdk supports neither zeroed grains nor seSparse.
  /// dissect reads the parent through the zeroed grains of an seSparse snapshot. Neither knows what to read after
  /// the end of a parent.
  private func except(_ links: [(kind: LinkKind, plan: GrainPlan)]) -> Set<Reader> {
    var except: Set<Reader> = []
    for (number, link) in links.enumerated() {
      let hasZeros = link.plan.states.values.contains(.zero)
      if hasZeros || link.kind == .seSparse { except.insert(.libvmdk) }
      if hasZeros, link.kind == .seSparse, number > 0 { except.insert(.dissect) }
      if number > 0, link.plan.size > links[number - 1].plan.size { except.formUnion([.libvmdk, .dissect]) }
    }
    return except
  }

  /// Chains of one, two and 32 links that qemu creates on a parent of each kind. Some children are smaller or larger
  /// than their parents.
  @Test(arguments: QemuWriter.kinds)
  func byQemu(_ kind: String) async throws {
    let writer = QemuWriter(workspace)
    let base = plan(grain: 65536, zeros: false, number: 0, grains: 20)
    let baseContent = try await writer.write(base, as: kind, "base.vmdk")
    var images: [CorpusImage] = []
    for count in [1, 2, 32] {
      var links = [(kind: LinkKind.sparse, plan: base)]
      var content = baseContent
      for number in 1...count {
        let size = [Self.size / 2 / 512 * 512, Self.size, Self.size + 5 * 65536][count == 32 ? 1 : number % 3]
        var plan = plan(size: size, grain: 65536, zeros: number != 1, number: number, grains: count == 32 ? 3 : 8)
        plan.leaveLastPart()
        links.append((.sparse, plan))
        let parent = number == 1 ? "base.vmdk" : "link-\(count)-\(number - 1).vmdk"
        try await writer.writeChild(plan, of: parent, "link-\(count)-\(number).vmdk")
        content = plan.content.over(content)
      }
      images.append(
        CorpusImage(
          workspace("link-\(count)-\(count).vmdk"), content, except: except(links),
          hasFlatParts: kind.hasSuffix("Flat")))
    }
    try await expectReadAlike(images, workspace)
  }

  /// Each kind of snapshot on a parent of each kind: the same size, smaller and larger.
  @Test(arguments: LinkKind.children)
  func oneLink(_ kind: LinkKind) async throws {
    var images: [CorpusImage] = []
    for parentKind in LinkKind.allCases {
      for size in [Self.size, Self.size + 7 * 65536, Self.size / 2 / 512 * 512] {
        let number = images.count * 2
        let zeros = size >= Self.size
        let below = plan(grain: parentKind.grain, zeros: zeros && parentKind.knowsZeros, number: number, grains: 30)
        let parent = try Link.write(parentKind, below, over: nil, number: number, workspace)
        let above = plan(size: size, grain: kind.grain, zeros: zeros && kind.knowsZeros, number: number + 1, grains: 20)
        let child = try Link.write(kind, above, over: parent, number: number + 1, workspace)
        images.append(
          CorpusImage(
            workspace(child.name), Link.content(kind, above).over(Link.content(parentKind, below)),
            except: except([(parentKind, below), (kind, above)]), hasFlatParts: parentKind.isFlat))
      }
    }
    try await expectReadAlike(images, workspace)
  }

  /// Chains of one kind, and of all kinds in turn.
  @Test(arguments: [2, 32], LinkKind.children + [nil])
  func manyLinks(_ count: Int, _ kind: LinkKind?) async throws {
    let base: LinkKind = kind == .cowd || kind == .seSparse ? .vmfs : .flat
    let below = plan(grain: base.grain, zeros: false, number: 0, grains: 60)
    var links = [(kind: base, plan: below)]
    var last = try Link.write(base, below, over: nil, number: 0, workspace)
    var content = Link.content(base, below)
    for number in 1...count {
      let kind = kind ?? LinkKind.children[number % LinkKind.children.count]
      let above = plan(grain: kind.grain, zeros: kind.knowsZeros && number % 3 == 0, number: number, grains: 4)
      last = try Link.write(kind, above, over: last, number: number, workspace)
      links.append((kind, above))
      content = Link.content(kind, above).over(content)
    }
    try await expectReadAlike(
      [CorpusImage(workspace(last.name), content, except: except(links), hasFlatParts: true)], workspace)
  }
}
