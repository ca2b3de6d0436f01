import BlockMap

/// A map's ranges, by the object they belong to.
struct MapFiles: Sendable {
  let map: BlockMap
  /// Indices into the map's ranges, object after object, those of an object in the order of its bytes.
  private let indices: [UInt32]
  /// The index in `indices` at which the ranges of each object begin; the last element is the end.
  private let starts: [UInt32]

  /// Takes 4 bytes per range and 4 bytes per object.
  init(_ map: BlockMap) {
    self.map = map
    var starts = [UInt32](repeating: 0, count: map.objects.count + 1)
    for range in map.ranges { starts[Int(range.object.rawValue) + 1] += 1 }
    for index in starts.indices.dropFirst() { starts[index] += starts[index - 1] }
    var next = starts
    var indices = [UInt32](repeating: 0, count: map.ranges.count)
    for (index, range) in map.ranges.enumerated() {
      indices[Int(next[Int(range.object.rawValue)])] = UInt32(index)
      next[Int(range.object.rawValue)] += 1
    }
    for object in starts.indices.dropLast() {
      let own = Int(starts[object])..<Int(starts[object + 1])
      guard own.count > 1 else { continue }
      // Copies are in the order of the disks.
      indices[own].sort { (map.ranges[Int($0)].objectOffset, $0) < (map.ranges[Int($1)].objectOffset, $1) }
    }
    self.indices = indices
    self.starts = starts
  }

  /// An object's ranges, in the order of its bytes.
  func ranges(of object: ObjectID) -> [MappedRange] {
    let index = Int(object.rawValue)
    return indices[Int(starts[index])..<Int(starts[index + 1])].map { map.ranges[Int($0)] }
  }

  /// Finds a file or a directory.
  func find(_ kind: ObjectKind, device: [UInt8], path: [UInt8]) -> ObjectID? {
    map.objects.find(kind: kind, device: device, path: path)
  }

  /// Some ranges of files and directories on each device, by which the device can be recognized.
  func samples(count: Int, where isWanted: ([UInt8]) -> Bool) -> [[UInt8]: [MappedRange]] {
    var result: [[UInt8]: [MappedRange]] = [:]
    for object in map.objects.ids where [.file, .directory].contains(map.objects.kind(of: object)) {
      let device = map.objects.device(of: object)
      guard isWanted(device), result[device, default: []].count < count, let range = ranges(of: object).first else {
        continue
      }
      result[device, default: []].append(range)
    }
    return result
  }
}
