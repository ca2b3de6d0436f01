import Appliance
import BlockMap
import BlockStack
import Bytes
import Filesystems
import Guestfs

/// Adds the metadata of partition tables and volume managers to the map, what they leave unused, and swap space.
struct VolumeMetadata {
  let guest: Guest

  /// - Parameter disks: the names of the disks.
  func add(to draft: inout MapDraft, disks: [[UInt8]]) throws {
    let contents = guest.inventory.devices
    var script = "\(Guest.settled)\nexport LC_ALL=C\n"
    let ours = tablesOfOurs
    let isLVM = contents.contains { $0.type == "LVM2_member" }
    if isLVM { script += "echo volumes\n\(PhysicalVolumes.script(guest.readOnly))\n" }
    // What each tool knows the metadata of.
    var users: [String: String] = [:]
    for (index, content) in contents.enumerated() {
      let hasTable =
        disks.contains(content.name) && ours[content.name] == nil
        || guest.inventory.arrays.contains(content.name) && guest.devices.hasPartitions(content.number[...])
      let table = hasTable ? PartitionTableAreas.script : nil
      let header = VolumeHeader(type: content.type)
      guard let part = header?.script ?? table else { continue }
      users[header?.tool ?? PartitionTableAreas.tool] =
        header == nil ? "partition tables" : "devices of the type \(content.type)"
      script += "echo 'on \(index)'; d=/dev/block/\(content.number)\n{ \(part)\n} 2>/dev/null\n"
    }
    let text: [UInt8]
    do {
      let tools = users.keys.sorted().joined(separator: " ")
      text = try guest.appliance.longShell(
        "for t in \(tools); do command -v $t >/dev/null || echo \"missing $t\"; done\n\(script)true")
    } catch {
      try guest.checkHelpers()
      return draft.warnOfGap(
        "the metadata of partition tables and volumes, and their free space, are not in the map: \(oneLine(error))")
    }
    let (volumes, sections) = Self.sections(String(decoding: text, as: UTF8.self))
    for tool in users.keys.sorted() where volumes.contains("missing \(tool)") {
      draft.warnOfMissing(tool: tool, for: users[tool] ?? "")
    }
    let physicalVolumes = PhysicalVolumes(parsing: volumes)
    let hasAllDynamicVolumes =
      try !contents.contains { $0.partition == .dynamicDisk } || DeviceUses(asking: guest).missingVolumes.isEmpty
    for section in sections where contents.indices.contains(section.index) {
      let content = contents[section.index]
      guard let header = VolumeHeader(type: content.type) else {
        addTable(PartitionTableAreas.areas(parsing: section.lines), of: content, hasAllDynamicVolumes, to: &draft)
        continue
      }
      var areas = header.areas(parsing: section.lines)
      if let end = guest.devices.end(of: content.number[...]) {
        switch header {
        case .lvm: areas += physicalVolumes.areas(on: content.number, size: end, besides: areas)
        case .firmwareArray:
          // The metadata does not say which parts of the device the arrays use, but the kernel does.
          let used = guest.devices.rangesOfArrays(on: content.number[...])
          if !used.isEmpty, !areas.isEmpty {
            areas += UnusedSpace.areas(of: 0..<end, without: used + areas.map(\.range))
          }
        case .array, .luks, .bitLocker: areas = areas.map { $0.clamped(to: end) }.filter { !$0.range.isEmpty }
        }
      }
      draft.add(areas, of: content, guest.devices)
    }
    for content in contents {
      if let table = ours[content.name] { addTable(table.areas, of: content, hasAllDynamicVolumes, to: &draft) }
      if content.type.isEmpty, case .reserved(let kind, let name)? = content.partition,
        let end = guest.devices.end(of: content.number[...])
      {
        draft.add([DeviceArea(kind: kind, name: name, range: 0..<end)], of: content, guest.devices)
      }
    }
    try addHeaders(to: &draft)
    addSwap(to: &draft)
  }

  /// Adds the metadata of what is not assembled.
  private func addHeaders(to draft: inout MapDraft) throws {
    for content in guest.inventory.devices {
      guard let header = DeviceHeader(type: content.type), let size = guest.devices.end(of: content.number[...]) else {
        continue
      }
      do {
        let device = ApplianceDevice(guest.inAppliance(content.name), size: size, of: guest.appliance)
        draft.add(try header.areas(on: device), of: content, guest.devices)
      } catch {
        try guest.checkHelpers()
        draft.warnOfGap("\(shown(content.name)): its metadata is not in the map: \(oneLine(error))")
      }
    }
  }

  /// The tables that no tool in the appliance can locate, because the kernel does not accept them or because they are
  /// Apple partition maps, by disk.
  private var tablesOfOurs: [[UInt8]: DiskTable] {
    var tables: [[UInt8]: DiskTable] = [:]
    for number in guest.set.disks {
      let table = guest.guestDisks[number - 1].table
      let isKernels = !(guest.partitions[number] ?? []).isEmpty
      guard guest.tablesOfOurs.contains(number) || table.kind == .apple && isKernels else { continue }
      tables[DiskName.of(number)] = table
    }
    return tables
  }

  /// Adds a partition table, and the space that it gives to no partition.
  private func addTable(
    _ table: [DeviceArea], of content: ProbedDevice, _ hasAllDynamicVolumes: Bool, to draft: inout MapDraft
  ) {
    var areas = table
    let disk = guest.set.disks.first { DiskName.of($0) == content.name }
    if let database = disk.flatMap({ guest.guestDisks[$0 - 1].table.dynamicDatabase }) {
      areas.append(DeviceArea(name: "LDM database", range: database))
    }
    if let gaps = PartitionGaps(of: content, in: guest, hasAllDynamicVolumes: hasAllDynamicVolumes) {
      if !areas.contains(where: { $0.name == "boot gap" }) {
        areas += PartitionTableAreas.bootGap(between: areas, and: gaps.first)
      }
      for gap in gaps.bootGaps { draft.add([gap.area], of: gap.device, guest.devices) }
      // Without a known table, nothing is known about the rest of the device.
      if !table.isEmpty { areas += gaps.unallocated(besides: areas) }
    }
    draft.tables[content.number] = areas.map(\.range)
    draft.add(areas, of: content, guest.devices)
  }

  private func addSwap(to draft: inout MapDraft) {
    for content in guest.inventory.devices
    where isSwap(content.type) && !guest.devices.isInVolume(content.number[...]) {
      guard let locations = guest.wholeLocations(of: content) else {
        draft.warnOfGap("\(shown(content.name)): this swap space is in too many pieces and is not in the map")
        continue
      }
      draft.add(.swap, content.name, locations)
    }
  }

  private func isSwap(_ type: Substring) -> Bool { type == "swap" || type == "swsuspend" }

  /// Splits the script's output into the lines about volume groups and those about each device.
  private static func sections(_ text: String) -> (volumes: [Substring], [(index: Int, lines: [Substring])]) {
    var volumes: [Substring] = []
    var result: [(index: Int, lines: [Substring])] = []
    for line in text.lines {
      if line.hasPrefix("on "), let index = Int(line.dropFirst(3)) {
        result.append((index, []))
      } else if result.isEmpty {
        volumes.append(line)
      } else {
        result[result.count - 1].lines.append(line)
      }
    }
    return (volumes, result)
  }
}

extension DeviceArea {
  /// The part of the area on a device of `size` bytes.
  fileprivate func clamped(to size: UInt64) -> DeviceArea {
    var area = self
    area.range = range.clamped(to: 0..<size)
    return area
  }
}
