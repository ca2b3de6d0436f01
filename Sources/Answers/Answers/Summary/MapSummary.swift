import BlockMap
import Bytes

/// What a map says about the space of its disks and devices.
package struct MapSummary {
  package struct Disk {
    package var number: Int
    /// The file that the map was made from; empty for a map without a header.
    package var file: [UInt8]
    package var totals: SpaceTotals
  }

  /// A partition, a volume or another device of the guest.
  package struct Device {
    package var name: [UInt8]
    /// The name that blkid(8) has for the content; empty if it is not known.
    package var type: [UInt8] = []
    /// The names in the map: files, directories and metadata objects.
    package var objects = 0
    /// What the ranges of this device are used for. Bytes that another device inside it names are not counted.
    package var totals = SpaceTotals()
  }

  package struct File {
    package var device: [UInt8]
    package var path: [UInt8]
    /// Copies of the same data are counted, too.
    package var bytes: UInt64
  }

  package private(set) var disks: [Disk] = []
  package private(set) var devices: [Device] = []
  /// The largest files, the largest first.
  package private(set) var largest: [File] = []

  /// All disks together.
  package var totals: SpaceTotals { disks.reduce(into: SpaceTotals()) { $0 += $1.totals } }

  private static let largestShown = 10

  package init(_ map: BlockMap) {
    let index = MapIndex(map)
    var found = DeviceTotals(map)
    for (number, size) in map.sizes.enumerated() {
      var totals = SpaceTotals()
      index.forEachUse(ofDisk: number + 1, size: size) { range, use, owners in
        totals[use] += range.upperBound - range.lowerBound
        found.add(range, use, owners)
      }
      let file = map.disks.indices.contains(number) ? map.disks[number].file : []
      disks.append(Disk(number: number + 1, file: file, totals: totals))
    }
    devices = found.devices
    largest = Self.largest(of: map)
  }

  /// The same for one disk, or for some devices.
  /// - Parameters:
  ///   - disk: the number of the disk, from 1; nil for all.
  ///   - devices: nil for all.
  package func narrowed(disk: Int?, devices: Set<[UInt8]>?) -> MapSummary {
    var summary = self
    if let disk { summary.disks.removeAll { $0.number != disk } }
    if let devices {
      summary.disks = []
      summary.devices.removeAll { !devices.contains($0.name) }
      summary.largest.removeAll { !devices.contains($0.device) }
    }
    return summary
  }

  private static func largest(of map: BlockMap) -> [File] {
    var bytes = [UInt64](repeating: 0, count: map.objects.count)
    var starts = [UInt64](repeating: .max, count: map.objects.count)
    for range in map.ranges where map.objects.kind(of: range.object) == .file {
      let object = Int(range.object.rawValue)
      bytes[object] = bytes[object].addingSaturated(range.range.upperBound - range.range.lowerBound)
      starts[object] = min(starts[object], range.range.lowerBound)
    }
    // The names of a file with hard links follow each other here, and the first one is shown.
    let sorted = map.objects.ids.filter { bytes[Int($0.rawValue)] > 0 }.sorted {
      let (a, b) = (Int($0.rawValue), Int($1.rawValue))
      return (bytes[b], starts[a], a) < (bytes[a], starts[b], b)
    }
    var files: [File] = []
    var last: (bytes: UInt64, start: UInt64)?
    for id in sorted {
      let object = Int(id.rawValue)
      if let last, last == (bytes[object], starts[object]) { continue }
      last = (bytes[object], starts[object])
      files.append(
        File(
          device: map.objects.device(of: id), path: map.objects.withPath(of: id) { $0.map { Array($0) } ?? [] },
          bytes: bytes[object]))
      if files.count == largestShown { break }
    }
    return files
  }
}

/// Adds up the space of each device.
private struct DeviceTotals {
  private let map: BlockMap
  private(set) var devices: [MapSummary.Device] = []
  private var indices: [[UInt8]: Int] = [:]
  /// The device of each object, as an index into `devices`.
  private var deviceOfObject: [Int] = []
  private var seen: [Int] = []

  init(_ map: BlockMap) {
    self.map = map
    let types = Dictionary(map.devices.map { ($0.name, $0.type) }, uniquingKeysWith: { first, _ in first })
    for id in map.objects.ids {
      let name = map.objects.device(of: id)
      let index = indices[name] ?? devices.count
      if index == devices.count {
        indices[name] = index
        devices.append(MapSummary.Device(name: name, type: types[name] ?? []))
      }
      deviceOfObject.append(index)
      if SpaceUse(map.objects.kind(of: id)) != nil { devices[index].objects += 1 }
    }
  }

  /// - Parameter owners: the most specific first.
  mutating func add(_ range: Range<UInt64>, _ use: SpaceUse, _ owners: Span<Owner>) {
    let length = range.upperBound - range.lowerBound
    seen.removeAll(keepingCapacity: true)
    for position in owners.indices {
      let object = owners[position].object
      let device = deviceOfObject[Int(object.rawValue)]
      guard !seen.contains(device) else { continue }
      if let use = SpaceUse(map.objects.kind(of: object)) {
        seen.append(device)
        devices[device].totals[use] = devices[device].totals[use].addingSaturated(length)
      } else if use == .unaccounted {
        // The innermost device comes first.
        let sum = devices[device].totals[.unaccounted].addingSaturated(length)
        devices[device].totals[.unaccounted] = sum
        return
      }
    }
  }
}
