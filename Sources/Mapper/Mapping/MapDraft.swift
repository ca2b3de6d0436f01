import Appliance
import BlockMap
import BlockStack
import Bytes

/// The map and the findings of a run while it is in progress.
struct MapDraft: Sendable {
  var map: BlockMapBuilder
  var findings = Findings()
  /// By the number of the filesystem's device.
  var usedData: [Substring: BtrfsUsedData] = [:]
  /// What partition tables occupy on their devices, by `MAJOR:MINOR`, in bytes.
  var tables: [String: [Range<UInt64>]] = [:]
  /// The warnings about missing tools.
  private var missingTools: Set<String> = []
  let reporter: any Reporter

  /// - Parameter maximumMapBytes: the largest size of the map, in bytes.
  init(of disks: [GuestDisk], maximumMapBytes: UInt64, reporter: any Reporter) {
    map = BlockMapBuilder(maximumBytes: maximumMapBytes)
    for disk in disks { map.addDisk(disk.description) }
    self.reporter = reporter
  }

  /// Adds an object and the ranges of the disks that hold it.
  mutating func add(
    _ kind: ObjectKind, _ device: [UInt8], path: [UInt8]? = nil, _ locations: [DeviceTable.Location]
  ) {
    guard let object = map.addObject(kind: kind, device: device, path: path) else { return }
    for location in locations {
      map.addRange(of: object, disk: location.disk, range: location.range, objectOffset: location.offset)
    }
  }

  /// Adds every copy of the areas to the map.
  mutating func add(_ areas: [DeviceArea], of content: ProbedDevice, _ table: DeviceTable) {
    var count: UInt64 = 0
    for area in areas {
      let number = area.device ?? content.number[...]
      // An area past the end of its device is on no disk. The offsets of free space mean nothing.
      let locations =
        area.kind == .unallocated
        ? table.parts(holding: area.range, on: number) : table.locations(of: area.range, on: number)
      count = count.plus(UInt64(locations?.count ?? 0)) ?? .max
      guard count <= DeviceTable.maximumLocations, locations != nil || !table.isFollowed(number) else {
        return warnOfGap(
          "\(shown(content.name)): its metadata and free space are in too many pieces and only partly in the map")
      }
      add(
        area.kind, content.name, path: area.name.map { Array($0.utf8) },
        (locations ?? []).map {
          DeviceTable.Location(disk: $0.disk, range: $0.range, offset: $0.offset &+ area.offset)
        })
    }
  }

  /// Adds an array's redundancy (parity), from which it rebuilds the data of a lost device.
  /// - Parameter number: the array's name in the table (`MAJOR:MINOR`).
  mutating func addParity(of number: Substring, to device: [UInt8], _ table: DeviceTable) {
    guard let locations = table.parity(of: number) else {
      return warnOfGap("\(shown(device)): its parity is in too many pieces and is not in the map")
    }
    if !locations.isEmpty { add(.raid, device, locations) }
  }

  /// Warns, once in a run, that the map lacks something because the appliance lacks a tool.
  /// - Parameter users: what the tool knows the metadata of, in the plural.
  mutating func warnOfMissing(tool: String, for users: String) {
    let text =
      "the appliance has no \(tool): the metadata and free space of \(users) are not in the map"
    guard missingTools.insert(text).inserted else { return }
    warnOfGap("\(text); install its package on this machine, of whose packages libguestfs makes the appliance")
  }

  /// Warns about something that the map lacks. A run with such a warning does not exit with status 0.
  mutating func warnOfGap(_ message: String) {
    findings.incomplete += 1
    reporter.warning(message)
  }
}
