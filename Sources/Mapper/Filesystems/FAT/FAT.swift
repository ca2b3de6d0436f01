import BlockStack
import Bytes
import FATVolumes

/// FAT12, FAT16 and FAT32. The first file allocation table, which is the one that the kernel uses, says which clusters
/// are free.
struct FAT: FilesystemType {
  let names: [Substring] = ["vfat"]

  func areas(on device: some DeviceBytes, known: [DeviceArea]) throws -> [DeviceArea] {
    guard let volume = FATVolume(try device.bytes(at: 0, count: FATVolume.bootSectorBytes)) else {
      throw SpaceError.incomplete
    }
    var areas = metadata(of: volume)
    let clusters = volume.clusters
    let found = try clusters.ranges(of: [clusters.bad, Clusters.free], on: device)
    areas += clusters.areas(bad: found[0])
    areas += found[1].map { DeviceArea(kind: .unallocated, range: $0) }
    areas.addSpace(behind: clusters.end, on: device)
    return areas
  }

  /// All but the clusters and the root directory of FAT12 and FAT16, which is mapped as the directory `/`.
  private func metadata(of volume: FATVolume) -> [DeviceArea] {
    let (sector, reserved) = (volume.sector, volume.reserved)
    var areas: [DeviceArea] = []
    func add(_ name: String, sector number: UInt64?) {
      guard let number, (number + 1) * sector <= reserved else { return }
      areas.add(name, at: number * sector, count: sector)
    }
    add("boot sector", sector: 0)
    add("FSInfo", sector: volume.information)
    add("backup boot sector", sector: volume.backup)
    if let backup = volume.backup, let information = volume.information {
      add("backup FSInfo", sector: backup + information)
    }
    for range in [0..<reserved].subtracting(areas.map(\.range).sorted { $0.lowerBound < $1.lowerBound }) {
      areas.append(DeviceArea(name: "reserved sectors", range: range, offset: range.lowerBound))
    }
    for number in 0..<volume.tables {
      areas.add("FAT \(number + 1)", at: reserved + number * volume.table, count: volume.table)
    }
    return areas
  }

  func allocationUnits(on device: some DeviceBytes, metadata: String) throws -> AllocationUnits? {
    FATVolume(try device.bytes(at: 0, count: FATVolume.bootSectorBytes)).flatMap { AllocationUnits($0.clusters) }
  }
}

extension AllocationUnits {
  init?(_ clusters: Clusters) {
    self.init(nameOfLost: "lost clusters", start: clusters.start, end: clusters.end, size: clusters.size)
  }
}
