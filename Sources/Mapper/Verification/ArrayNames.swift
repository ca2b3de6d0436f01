import Appliance
import BlockMap

/// md's arrays, and their partitions, may have another number each time the appliance starts: which one has which name in
/// the map shows in where their files are.
struct ArrayNames {
  /// The name in the map, by that of now.
  private var names: [[UInt8]: [UInt8]] = [:]

  private static let prefix = Array("/dev/md".utf8)
  private static let volumePrefix = Array("btrfsvol:".utf8)
  /// So many objects of an array have to be on it.
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
      // Its own name, if nothing speaks against it.
      if let own = samples[array], isHere(own) { continue }
      names[array] = samples.first { isHere($0.value) }?.key
    }
  }

  /// What the map calls a filesystem.
  func nameInMap(_ mountable: [UInt8]) -> [UInt8] {
    if let name = names[mountable] { return name }
    guard mountable.starts(with: Self.volumePrefix) else { return mountable }
    // `btrfsvol:DEVICE/SUBVOLUME`
    for (array, name) in names where mountable.dropFirst(Self.volumePrefix.count).starts(with: array + [0x2f]) {
      return Self.volumePrefix + name + mountable.dropFirst(Self.volumePrefix.count + array.count)
    }
    return mountable
  }
}
