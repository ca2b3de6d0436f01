import SystemPackage

/// Writes images and snapshots with qemu-img and qemu-io.
struct QemuWriter {
  private let workspace: Workspace

  init(_ workspace: Workspace) { self.workspace = workspace }

  static let kinds = [
    "monolithicSparse", "monolithicFlat", "twoGbMaxExtentSparse", "twoGbMaxExtentFlat", "streamOptimized",
  ]

  /// Creates an image from a plan: data is converted from a raw disk, zeros are written into the image.
  /// - Returns: the resulting content of the disk.
  func write(_ plan: GrainPlan, as kind: String, _ name: String) async throws -> Content {
    let raw = workspace("source.raw")
    try FlatWriter.write(plan, workspace, "source.raw")
    let zeros = plan.indexes.filter { plan.states[$0] == .zero }
    let options = "subformat=\(kind)" + (zeros.isEmpty ? "" : ",zeroed_grain=on")
    try await run(
      tool: "qemu-img", ["convert", "-f", "raw", "-O", "vmdk", "-o", options, raw.string, workspace(name).string])
    try await write(zeros.map { "write -z \(range(plan, $0))" }, into: name)
    guard kind.hasSuffix("Flat") else { return plan.content }
    // qemu-img stores the first block of every flat extent.
    var blocks = Content()
    while blocks.size < plan.size {
      let extent = kind == "monolithicFlat" ? plan.size : min(plan.size - blocks.size, 2 << 30)
      blocks.append(min(extent, 4096), .data)
      blocks.append(extent - min(extent, 4096), .hole)
    }
    return plan.content.over(blocks)
  }

  /// Creates a snapshot of an image and writes a plan into it.
  func writeChild(_ plan: GrainPlan, of parent: String, _ name: String) async throws {
    let options = plan.states.values.contains(.zero) ? ["-o", "zeroed_grain=on"] : []
    try await run(
      tool: "qemu-img",
      ["create", "-q", "-f", "vmdk"] + options + ["-b", parent, "-F", "vmdk", workspace(name).string, "\(plan.size)"])
    var commands: [String] = []
    for index in plan.indexes {
      guard plan.states[index] == .data else {
        commands.append("write -z \(range(plan, index))")
        continue
      }
      let grain = try workspace.write(plan.bytes(index), to: "grain-\(index)")
      commands.append("write -s \(grain) \(range(plan, index))")
    }
    try await write(commands, into: name)
  }

  private func write(_ commands: [String], into name: String) async throws {
    guard !commands.isEmpty else { return }
    try await run(tool: "qemu-io", ["-f", "vmdk"] + commands.flatMap { ["-c", $0] } + [workspace(name).string])
  }

  private func range(_ plan: GrainPlan, _ index: UInt64) -> String {
    "\(index * plan.grain) \(min(plan.grain, plan.size - index * plan.grain))"
  }
}

extension GrainPlan {
  /// Removes a zeroed partial grain at the end of the disk, because qemu-io would allocate it.
  mutating func leaveLastPart() {
    if size % grain != 0, states[count - 1] == .zero { states[count - 1] = nil }
  }
}
