import Algorithms
import BlockMap
import FileProof

/// The ranges of a map that it says are both in use and unallocated on the same device.
struct UnallocatedOverlaps {
  /// A range of an object that unallocated space overlaps.
  struct Overlap: Equatable {
    var object: ObjectID
    var disk: UInt32
    /// The first offset on the disk, in bytes, that is also unallocated.
    var offset: UInt64

    /// A few words for the user.
    var reason: String { "disk \(disk) at \(hex(offset)) is also unallocated" }
  }

  /// A map may be wrong everywhere, so only the first overlaps are listed.
  static let maximumListed = 1000

  private static let volumePrefix = Array("btrfsvol:".utf8)

  /// In the order of the map.
  private(set) var listed: [Overlap] = []
  /// How many overlaps are not listed.
  private(set) var unlisted = 0
  /// How many overlaps each device has, listed or not, in the order in which they were found.
  private(set) var counts: [(device: [UInt8], count: Int)] = []

  /// A device's unallocated space on a disk.
  private struct Space: Hashable {
    var device: [UInt8]
    var disk: UInt32
  }

  /// Takes 16 bytes for each range of unallocated space, and time in proportion to n log n for n ranges.
  init(_ map: BlockMap) {
    var free: [Space: [Range<UInt64>]] = [:]
    for range in map.ranges where map.objects.kind(of: range.object) == .unallocated {
      let space = Space(device: map.objects.device(of: range.object), disk: range.disk)
      // The ranges of a map are sorted by their starts, so these are joined to disjoint ones in ascending order.
      if let last = free[space]?.last, range.range.lowerBound <= last.upperBound {
        free[space]?.removeLast()
        free[space]?.append(last.lowerBound..<max(last.upperBound, range.range.upperBound))
      } else {
        free[space, default: []].append(range.range)
      }
    }
    guard !free.isEmpty else { return }
    let devices = Set(free.keys.map(\.device))
    var indices: [[UInt8]: Int] = [:]
    for range in map.ranges {
      let kind = map.objects.kind(of: range.object)
      guard !kind.isDevice, kind != .unallocated else { continue }
      let device = map.objects.device(of: range.object)
      guard let holder = Self.device(holding: device, among: devices),
        let parts = free[Space(device: holder, disk: range.disk)],
        case let next = parts.partitioningIndex(where: { $0.upperBound > range.range.lowerBound }), next < parts.count,
        parts[next].lowerBound < range.range.upperBound
      else { continue }
      add(
        Overlap(
          object: range.object, disk: range.disk, offset: max(parts[next].lowerBound, range.range.lowerBound)),
        on: device, &indices)
    }
  }

  private mutating func add(_ overlap: Overlap, on device: [UInt8], _ indices: inout [[UInt8]: Int]) {
    if let index = indices[device] {
      counts[index].count += 1
    } else {
      indices[device] = counts.count
      counts.append((device, 1))
    }
    if listed.count < Self.maximumListed { listed.append(overlap) } else { unlisted += 1 }
  }

  /// The device that has the unallocated space of an object's device: itself or, for the Btrfs subvolume
  /// `btrfsvol:DEVICE/PATH`, the device of the filesystem; nil if there is none.
  private static func device(holding device: [UInt8], among devices: Set<[UInt8]>) -> [UInt8]? {
    if devices.contains(device) { return device }
    guard device.starts(with: volumePrefix) else { return nil }
    let name = device.dropFirst(volumePrefix.count)
    return name.indices.lazy.filter { name[$0] == 0x2f }.map { Array(name[..<$0]) }.first { devices.contains($0) }
  }
}
