import Appliance
import BlockMap

/// The map's names for md arrays and their partitions. Their numbers may change each time the appliance starts, so the
/// locations of their files show which array has which name in the map.
struct ArrayNames {
  /// The names in the map, by the current names.
  private var names: [[UInt8]: [UInt8]] = [:]

  private static let prefix = Array("/dev/md".utf8)
  private static let volumePrefix = Array("btrfsvol:".utf8)
  /// The most objects of each array that are sampled; all of them must be on it.
  private static let samples = 16

  init(_ guest: Guest, _ files: MapFiles) {
    let samples = files.samples(count: Self.samples) { $0.starts(with: Self.prefix) }
    guard !samples.isEmpty else { return }
    for array in guest.inventory.arrays + guest.inventory.stackedPartitions {
      guard let number = guest.inventory.number(of: array) else { continue }
      let isHere = { (ranges: [MappedRange]) in
        ranges.allSatisfy { range in
          let start = range.range.lowerBound
          return !guest.devices.parts(of: number, heldBy: start..<start + 1, ofDisk: Int(range.disk)).isEmpty
        }
      }
      // An array keeps its own name if the samples of that name fit.
      if let own = samples[array], isHere(own) { continue }
      names[array] = samples.first { isHere($0.value) }?.key
    }
  }

  /// The map's name for a filesystem.
  func nameInMap(_ mountable: [UInt8]) -> [UInt8] {
    if let name = names[mountable] { return name }
    guard mountable.starts(with: Self.volumePrefix) else { return mountable }
    // The form is `btrfsvol:DEVICE/SUBVOLUME`.
    for (array, name) in names where mountable.dropFirst(Self.volumePrefix.count).starts(with: array + [0x2f]) {
      return Self.volumePrefix + name + mountable.dropFirst(Self.volumePrefix.count + array.count)
    }
    return mountable
  }
}
