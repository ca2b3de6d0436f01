import SystemPackage
import Testing

/// Flat disks with each of their names, and descriptors that mix kinds of extents.
@Suite(.serialized) struct FlatCorpusTests {
  private let workspace: Workspace

  init() throws { workspace = try Workspace() }

  /// The names of a flat disk and its extents, and the readers that do not support them.
  private struct Kind {
    let createType: String
    let extent: String
    let cannot: Set<Reader>
  }

  private static let kinds: [Kind] = [
    Kind(createType: "monolithicFlat", extent: "FLAT", cannot: []),
    Kind(createType: "vmfs", extent: "VMFS", cannot: []),
    Kind(createType: "vmfsThin", extent: "VMFS", cannot: [.qemu, .libvmdk]),
    Kind(createType: "vmfsPreallocated", extent: "VMFS", cannot: [.qemu]),
    Kind(createType: "vmfsEagerZeroedThick", extent: "VMFS", cannot: [.qemu]),
    Kind(createType: "vmfsRaw", extent: "VMFSRAW", cannot: Set(Reader.allCases)),
    Kind(createType: "vmfsRDM", extent: "VMFSRDM", cannot: Set(Reader.allCases)),
    Kind(createType: "vmfsRDMP", extent: "VMFSRDM", cannot: Set(Reader.allCases)),
    Kind(createType: "vmfsRawDeviceMap", extent: "VMFSRDM", cannot: Set(Reader.allCases)),
    Kind(createType: "vmfsPassthroughRawDeviceMap", extent: "VMFSRDM", cannot: Set(Reader.allCases)),
    Kind(createType: "fullDevice", extent: "FLAT", cannot: [.qemu, .libvmdk]),
    Kind(createType: "partitionedDevice", extent: "FLAT", cannot: [.qemu, .libvmdk]),
    Kind(createType: "custom", extent: "FLAT", cannot: [.qemu, .libvmdk]),
    Kind(createType: "custom", extent: "VMFS", cannot: [.qemu, .libvmdk]),
    Kind(createType: "custom", extent: "VMFSRDM", cannot: Set(Reader.allCases)),
    Kind(createType: "custom", extent: "VMFSRAW", cannot: Set(Reader.allCases)),
  ]

  /// Readers that do not support a kind read the same extent as `vmfs`.
  @Test func everyName() async throws {
    var images: [CorpusImage] = []
    for size: UInt64 in [512, 4096 - 512, 4096 * 40 + 512, (2 << 30) + 512, (2 << 40) + 512] {
      for pattern in [Pattern.full, .random] {
        let plan = pattern.plan(size: size, grain: 4096, table: 512, zeros: false)
        let extent = "extent-\(size)-\(pattern).vmdk"
        try FlatWriter.write(plan, workspace, extent)
        func descriptor(_ createType: String, _ type: String) throws -> FilePath {
          let line = "RW \(plan.sectors) \(type) \"\(extent)\"" + (type == "FLAT" ? " 0" : "")
          return try workspace.write(
            DescriptorWriter(createType: createType, extents: [line]).text,
            to: "\(createType)-\(type)-\(size)-\(pattern).vmdk")
        }
        let twin = try descriptor("vmfs", "VMFS")
        for kind in Self.kinds {
          let twins = Dictionary(uniqueKeysWithValues: kind.cannot.map { ($0, twin) })
          images.append(
            CorpusImage(try descriptor(kind.createType, kind.extent), plan.content, twins: twins, hasFlatParts: true))
        }
      }
    }
    try await expectReadAlike(images, workspace)
  }

  /// Partitions of a device as separate extents at various file offsets, with the gaps between them in a file.
  @Test(arguments: ["partitionedDevice", "custom", "twoGbMaxExtentFlat"])
  func partsOfFiles(_ createType: String) async throws {
    var images: [CorpusImage] = []
    for pattern in [Pattern.empty, .full, .random] {
      let number = images.count
      let table = GrainPlan(size: 63 * 512, grain: 63 * 512, states: [0: .data], seed: 3)
      try FlatWriter.write(table, workspace, "table-\(number).vmdk")
      let first = pattern.plan(size: 65536 * 5 + 512, grain: 4096, table: 512, zeros: false, seed: 5)
      try FlatWriter.write(first, workspace, "device-\(number).vmdk", start: 1 << 20)
      let second = pattern.plan(size: (4 << 30) + 4096, grain: 4096, table: 512, zeros: false, seed: 7)
      try FlatWriter.write(second, workspace, "large-\(number).vmdk", start: 2 << 40)
      var content = table.content
      content.append(first.content)
      content.append(second.content)
      content.append(table.content)
      let lines = [
        "RW 63 FLAT \"table-\(number).vmdk\" 0",
        "RW \(first.sectors) FLAT \"device-\(number).vmdk\" 2048",
        "RW \(second.sectors) FLAT \"large-\(number).vmdk\" \(UInt64(2 << 40) / 512)",
        "RDONLY 63 FLAT \"table-\(number).vmdk\" 0",
      ]
      let path = try workspace.write(
        DescriptorWriter(createType: createType, extents: lines).text, to: "parts-\(number).vmdk")
      // qemu does not read extents that are declared read-only, and supports such extents only under another
      // createType. The other two ignore the offset of an extent in its file.
      let twin = try workspace.write(
        DescriptorWriter(
          createType: "twoGbMaxExtentFlat", extents: lines.map { $0.replacing("RDONLY", with: "RW") }
        ).text, to: "twin-\(number).vmdk")
      images.append(
        CorpusImage(path, content, except: [.libvmdk, .dissect], twins: [.qemu: twin], hasFlatParts: true))
    }
    try await expectReadAlike(images, workspace)
  }

  /// Every kind of extent in one disk, in two orders, at a size that is a multiple of all grain sizes and at one
  /// that is not.
  @Test(arguments: Pattern.allCases, [21 * 65536, 21 * 65536 + 512] as [UInt64])
  func mixedExtents(_ pattern: Pattern, _ size: UInt64) async throws {
    func plan(_ grain: UInt64, zeros: Bool, seed: UInt64) -> GrainPlan {
      pattern.plan(size: size, grain: grain, table: 512, zeros: zeros, seed: seed)
    }
    let flat = plan(4096, zeros: false, seed: 1)
    try FlatWriter.write(flat, workspace, "part-flat.vmdk")
    let vmfs = plan(4096, zeros: false, seed: 2)
    try FlatWriter.write(vmfs, workspace, "part-vmfs.vmdk")
    let sparse = plan(65536, zeros: true, seed: 3)
    try HostedWriter().write(sparse, workspace, "part-sparse.vmdk")
    let cowd = plan(512, zeros: false, seed: 4)
    try COWDWriter().write(cowd, workspace, "part-cowd.vmdk")
    let seSparse = plan(4096, zeros: true, seed: 5)
    try SESparseWriter().write(seSparse, workspace, "part-sesparse.vmdk")
    var zeros = Content()
    zeros.append(size, .zero)

    typealias Part = (line: String, content: Content)
    let sectors = size / 512
    let parts: [Part] = [
      ("RW \(sectors) SPARSE \"part-sparse.vmdk\"", sparse.content),
      ("RW \(sectors) FLAT \"part-flat.vmdk\" 0", flat.content),
      ("RW \(sectors) VMFSSPARSE \"part-cowd.vmdk\"", cowd.content),
      ("RW \(sectors) VMFS \"part-vmfs.vmdk\"", vmfs.content),
      ("RW \(sectors) SESPARSE \"part-sesparse.vmdk\"", seSparse.content),
    ]
    func image(_ parts: [Part], _ name: String, except: Set<Reader>) throws -> CorpusImage {
      var content = Content()
      for part in parts { content.append(part.content) }
      let lines = parts.map(\.line)
      let path = try workspace.write(DescriptorWriter(createType: "custom", extents: lines).text, to: name)
      let twin = try workspace.write(
        DescriptorWriter(createType: "twoGbMaxExtentSparse", extents: lines).text, to: "twin-\(name)")
      return CorpusImage(path, content, except: except, twins: [.qemu: twin], hasFlatParts: true)
    }
    // libvmdk does not open mixed disks. qemu reads on in the last grain of a sparse extent, past the end of the
    // extent, where the next one has started. No other reader supports ZERO extents; the disks without them cover
    // the rest.
    let except: Set<Reader> = size % 65536 == 0 ? [.libvmdk] : [.libvmdk, .qemu]
    try await expectReadAlike(
      [
        image(parts, "mixed.vmdk", except: except), image(parts.reversed(), "reversed.vmdk", except: except),
        image(parts + [("RW \(sectors) ZERO", zeros)] + parts, "zeros.vmdk", except: Set(Reader.allCases)),
      ], workspace)
  }
}
