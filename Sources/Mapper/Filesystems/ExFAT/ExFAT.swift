import BlockStack
import FATVolumes

/// exFAT.
struct ExFAT: FilesystemType {
  let names: [Substring] = ["exfat"]

  func areas(on device: some DeviceBytes, known: [DeviceArea]) throws -> [DeviceArea] {
    guard let volume = ExFATVolume(try device.bytes(at: 0, count: ExFATVolume.bootSectorBytes)) else {
      throw SpaceError.incomplete
    }
    var clusters = ExFATClusters(volume: volume, device: device)
    return try metadata(of: volume) + clusters.areas()
  }

  /// All that precedes the clusters.
  private func metadata(of volume: ExFATVolume) -> [DeviceArea] {
    var areas: [DeviceArea] = []
    let (boot, start, table) = (volume.bootRegion, volume.tableStart, volume.table)
    areas.add("boot region", at: 0, count: boot)
    areas.add("backup boot region", at: boot, count: boot)
    areas.add("FAT alignment", at: 2 * boot, count: start - 2 * boot)
    for number in 0..<volume.tables { areas.add("FAT \(number + 1)", at: start + number * table, count: table) }
    let end = start + volume.tables * table
    areas.add("cluster heap alignment", at: end, count: volume.clusters.start - end)
    return areas
  }

  func allocationUnits(on device: some DeviceBytes, metadata: String) throws -> AllocationUnits? {
    ExFATVolume(try device.bytes(at: 0, count: ExFATVolume.bootSectorBytes)).flatMap { AllocationUnits($0.clusters) }
  }
}
