/// Parses the lines that `DeviceTable.script` prints. The numbers come from whoever made the guest's volumes: a
/// device with invalid numbers is treated as unknown.
package struct DeviceTableParser {
  package private(set) var disks: [Substring: Int] = [:]
  private var partitions: [Substring: [DeviceTable.Segment]] = [:]
  /// In bytes.
  package private(set) var sizes: [Substring: UInt64] = [:]
  /// nil for a table with a target that is not supported or a line that is malformed.
  private var tables: [Substring: [DeviceTable.Segment]?] = [:]
  private var arrays: [Substring: ArrayLine] = [:]
  /// The cached volumes of which the kernel says that no block is dirty.
  package private(set) var cleanCaches: Set<Substring> = []
  /// The names of the device mapper's devices.
  package private(set) var names: [Substring: Substring] = [:]
  /// The devices whose metadata must be read.
  package private(set) var metadataTargets: [Substring: MetadataTarget] = [:]
  /// The target of each device that is not supported.
  private var unknownTargets: [Substring: Substring] = [:]

  package var partitionNumbers: Set<Substring> { Set(partitions.keys) }

  package static let sectorBytes: UInt64 = 512
  /// No device has more sectors. `bytes` accepts half as many, so that a start plus a size cannot overflow.
  private static let maximumSectors = UInt64(Int64.max) / sectorBytes

  package mutating func take(_ fields: [Substring]) {
    switch fields.first {
    case "device" where fields.count == 5:
      guard let size = bytes(sectors: fields[4]) else { return }
      sizes[fields[1]] = size
      guard fields[2] != "-", let start = bytes(sectors: fields[3]), size > 0 else { return }
      let leg = Target.Leg(device: fields[2], offset: start)
      partitions[fields[1]] = [DeviceTable.Segment(range: 0..<size, target: .linear(leg))]
    case "table" where fields.count >= 5:
      guard let start = bytes(sectors: fields[2]), let size = bytes(sectors: fields[3]), size > 0,
        let target = DMTarget.parse(kind: fields[4], size: size, fields[5...])
      else {
        if fields[2] == "0", let target = MetadataTarget(kind: fields[4], fields[5...]) {
          metadataTargets[fields[1]] = target
        }
        unknownTargets[fields[1]] = fields[4]
        tables[fields[1]] = .some(nil)
        return
      }
      if let known = tables[fields[1], default: []] {
        tables[fields[1]] = known + [DeviceTable.Segment(range: start..<start + size, target: target)]
      }
    case "clean" where fields.count == 2: cleanCaches.insert(fields[1])
    case "name" where fields.count == 3: names[fields[1]] = fields[2]
    case "array" where fields.count >= 6: arrays[fields[1]] = ArrayLine(fields)
    case "member" where fields.count >= 7: arrays[fields[1]]?.add(fields)
    case "disk" where fields.count == 3: disks[fields[1]] = Int(fields[2]).flatMap { $0 > 0 ? $0 : nil }
    default: return
    }
  }

  /// What each partition, array and device-mapper device is made of; nil if it is not supported.
  package func finish() -> [Substring: [DeviceTable.Segment]?] {
    var result = tables
    for (device, segments) in partitions { result[device] = segments }
    for (device, array) in arrays { result[device] = .some(array.segments(size: sizes[device] ?? 0)) }
    return result
  }

  /// Why devices cannot be followed.
  package var problems: [Substring: DeviceTable.Problem] {
    var problems = unknownTargets.filter { metadataTargets[$0.key] == nil }.mapValues {
      DeviceTable.Problem(reason: "a volume of the type \($0) is not supported", isGap: false)
    }
    for (device, array) in arrays {
      // An array that is not running has no size.
      guard let size = sizes[device], size > 0, array.segments(size: size) == nil, let reason = array.problem else {
        continue
      }
      problems[device] = DeviceTable.Problem(reason: reason, isGap: true)
    }
    return problems
  }

  /// The parts of each device that hold data of arrays, in bytes.
  package var usedByArrays: [Substring: [Range<UInt64>]] {
    arrays.values.flatMap(\.usedRanges).reduce(into: [:]) { result, used in
      result[used.device, default: []].append(used.range)
    }
  }

  private func bytes(sectors: Substring) -> UInt64? { Self.bytes(sectors: sectors) }

  package static func bytes(sectors: Substring) -> UInt64? {
    guard let sectors = UInt64(sectors), sectors <= maximumSectors / 2 else { return nil }
    return sectors * sectorBytes
  }
}
