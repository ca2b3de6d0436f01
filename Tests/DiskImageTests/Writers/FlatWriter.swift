import SystemPackage

/// Writes flat extents: raw bytes, with holes in the file for unallocated grains.
enum FlatWriter {
  /// - Parameter start: the offset of the disk's bytes in the file.
  static func write(_ plan: GrainPlan, _ workspace: Workspace, _ name: String, start: UInt64 = 0) throws {
    let file = try ImageFile(workspace, name)
    for index in plan.stored {
      let bytes = plan.bytes(index)
      try file.put(
        Array(bytes.prefix(Int(min(plan.grain, plan.size - index * plan.grain)))), at: start + index * plan.grain)
    }
    try file.finish(sectors: start / 512 + plan.sectors)
  }
}
