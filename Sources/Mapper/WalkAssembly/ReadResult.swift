import BlockMap
import BlockStack
import WalkRecord

/// The ranges that a walk found for individual files, so that they can be proved by other means.
extension WalkAssembler {
  /// A file's ranges, in the order of its bytes.
  package struct FileRanges {
    package var ranges: [MappedRange] = []
    /// Whether some ranges hold encoded bytes, which differ from the file's.
    package var hasEncoded = false
  }

  /// The ranges of these files, including files that have none.
  package func ranges(of objects: Set<Record.ObjectID>) -> [Record.ObjectID: FileRanges] {
    var result: [Record.ObjectID: FileRanges] = [:]
    for object in objects { result[object] = FileRanges() }
    for part in found where part.role == .content && objects.contains(part.object) {
      result[part.object, default: FileRanges()].ranges.append(
        MappedRange(
          disk: UInt32(part.diskRange.disk), range: part.diskRange.range, objectOffset: part.offset,
          object: ObjectID(rawValue: 0)))
      if part.isEncoded { result[part.object, default: FileRanges()].hasEncoded = true }
    }
    for object in objects {
      result[object]?.ranges.sort { ($0.objectOffset, $0.disk) < ($1.objectOffset, $1.disk) }
    }
    return result
  }

  /// The files whose reads were not where the filesystem says. Encoded files, and files about which the filesystem
  /// says nothing, are not checked.
  package func contradictedFiles(_ table: DeviceTable, device: Substring) -> [Record.ObjectID] {
    guard !claims.isEmpty else { return [] }
    let files = ranges(of: Set(claims.map(\.object))).filter { !$0.value.hasEncoded }
    let covers = files.mapValues { Cover($0.ranges, isEncoded: false) }
    var wrong: Set<Record.ObjectID> = []
    for claim in claims {
      guard let cover = covers[claim.object], let locations = table.locations(of: claim.physical, on: device) else {
        continue
      }
      if locations.contains(where: { cover.firstMissing(of: $0, from: claim.offset) != nil }) {
        wrong.insert(claim.object)
      }
    }
    return wrong.sorted()
  }

  /// At most `count` files, spread evenly from the first to the last.
  package func someFiles(count: Int) -> [Record.ObjectID] {
    let files = tree.ids.filter { tree.kind(of: $0) == .file }
    let step = max(1, files.count / max(1, count))
    return Array(stride(from: 0, to: files.count, by: step).lazy.map { files[$0] }.prefix(count))
  }

  /// Removes the ranges of these files' data, and of the unwritten space that the filesystem says is theirs.
  package mutating func forget(_ objects: Set<Record.ObjectID>) {
    found.removeAll { $0.role != .metadata && objects.contains($0.object) }
  }
}
