import SystemPackage
import Testing

/// A kind of image that can be part of a snapshot chain.
enum LinkKind: CaseIterable, CustomTestStringConvertible {
  case sparse, splitSparse, stream, cowd, seSparse, flat, vmfs

  /// The kinds that a snapshot can have.
  static let children: [LinkKind] = [.sparse, .splitSparse, .stream, .cowd, .seSparse]

  var isFlat: Bool { self == .flat || self == .vmfs }
  var knowsZeros: Bool { [.sparse, .splitSparse, .stream, .seSparse].contains(self) }
  var grain: UInt64 { self == .seSparse || isFlat ? 4096 : self == .cowd ? 512 : 65536 }
  var testDescription: String { "\(self)" }
}

/// An image in a chain: its descriptor's name and its content ID.
struct Link {
  let name: String
  let cid: String

  /// Writes an image, with or without a parent.
  /// - Parameter number: distinguishes this image from the others in its directory.
  static func write(
    _ kind: LinkKind, _ plan: GrainPlan, over parent: Link?, number: Int, _ workspace: Workspace
  ) throws -> Link {
    let link = Link(name: "link-\(number).vmdk", cid: "c0de\(1000 + number)")
    let extent = "link-\(number)-extent.vmdk"
    let line: String
    var descriptor = DescriptorWriter(
      createType: "", extents: [], cid: link.cid, parentCID: parent?.cid ?? "ffffffff", parent: parent?.name)
    switch kind {
    case .sparse, .stream:
      descriptor.createType = kind == .sparse ? "monolithicSparse" : "streamOptimized"
      descriptor.extents = ["RW \(plan.sectors) SPARSE \"\(link.name)\""]
      if kind == .stream {
        try StreamWriter(descriptor: descriptor.text).write(plan, workspace, link.name)
      } else {
        try HostedWriter(descriptor: descriptor.text).write(plan, workspace, link.name)
      }
      return link
    case .splitSparse:
      descriptor.createType = "twoGbMaxExtentSparse"
      let piece: UInt64 = 10 * plan.grain
      for start in stride(from: 0, to: plan.size, by: Int(piece)) {
        let part = plan.part(from: start / plan.grain, size: min(piece, plan.size - start))
        let name = "link-\(number)-s\(descriptor.extents.count + 1).vmdk"
        try HostedWriter().write(part, workspace, name)
        descriptor.extents.append("RW \(part.sectors) SPARSE \"\(name)\"")
      }
      try workspace.write(descriptor.text, to: link.name)
      return link
    case .cowd:
      descriptor.createType = "vmfsSparse"
      line = "VMFSSPARSE \"\(extent)\""
      try COWDWriter().write(plan, workspace, extent)
    case .seSparse:
      descriptor.createType = "seSparse"
      line = "SESPARSE \"\(extent)\""
      try SESparseWriter().write(plan, workspace, extent)
    case .flat:
      descriptor.createType = "monolithicFlat"
      line = "FLAT \"\(extent)\" 0"
      try FlatWriter.write(plan, workspace, extent)
    case .vmfs:
      descriptor.createType = "vmfs"
      line = "VMFS \"\(extent)\""
      try FlatWriter.write(plan, workspace, extent)
    }
    descriptor.extents = ["RW \(plan.sectors) \(line)"]
    try workspace.write(descriptor.text, to: link.name)
    return link
  }

  /// The content of an image without its parents.
  static func content(_ kind: LinkKind, _ plan: GrainPlan) -> Content {
    guard kind == .splitSparse else { return plan.content }
    var content = Content()
    let piece: UInt64 = 10 * plan.grain
    for start in stride(from: 0, to: plan.size, by: Int(piece)) {
      content.append(plan.part(from: start / plan.grain, size: min(piece, plan.size - start)).content)
    }
    return content
  }
}
