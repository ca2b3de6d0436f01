import Appliance
import BlockMap
import BlockStack
import Bytes
import Filesystems
import Guestfs

/// Adds the metadata of partition tables and volume managers to the map, and swap space.
struct VolumeMetadata {
  let guest: Guest

  /// - Parameter disks: the names of the disks.
  func add(to draft: inout MapDraft, disks: [[UInt8]]) throws {
    let contents = guest.inventory.devices
    var script = "\(Guest.settled)\nexport LC_ALL=C\n"
    let ours = Set(guest.tablesOfOurs.map { DiskName.of($0) })
    for (index, content) in contents.enumerated() {
      let hasTable =
        disks.contains(content.name) && !ours.contains(content.name)
        || guest.inventory.arrays.contains(content.name) && guest.devices.hasPartitions(content.number[...])
      let table = hasTable ? PartitionTableAreas.script : nil
      let part = VolumeHeader(type: content.type)?.script ?? table
      guard let part else { continue }
      script += "echo 'on \(index)'; d=/dev/block/\(content.number)\n{ \(part)\n} 2>/dev/null\n"
    }
    let text: [UInt8]
    do {
      text = try guest.appliance.longShell(script + "true")
    } catch {
      try guest.checkHelpers()
      return guest.reporter.detail("metadata of volumes is left out: \(error)")
    }
    for section in Self.sections(String(decoding: text, as: UTF8.self)) where contents.indices.contains(section.index) {
      let content = contents[section.index]
      let header = VolumeHeader(type: content.type)
      let areas = header?.areas(parsing: section.lines) ?? PartitionTableAreas.areas(parsing: section.lines)
      draft.add(areas, of: content, guest.devices)
    }
    for content in contents where isSwap(content.type) && !guest.devices.isInVolume(content.number[...]) {
      guard let locations = guest.wholeLocations(of: content) else {
        draft.warnOfGap("\(shown(content.name)): this swap space is in too many pieces and is not in the map")
        continue
      }
      draft.add(.swap, content.name, locations)
    }
  }

  private func isSwap(_ type: Substring) -> Bool { type == "swap" || type == "swsuspend" }

  /// Splits the script's output by device.
  private static func sections(_ text: String) -> [(index: Int, lines: [Substring])] {
    var result: [(index: Int, lines: [Substring])] = []
    for line in text.lines {
      if line.hasPrefix("on "), let index = Int(line.dropFirst(3)) {
        result.append((index, []))
      } else if !result.isEmpty {
        result[result.count - 1].lines.append(line)
      }
    }
    return result
  }
}

/// Finds the part of a device that a volume manager reserves for its own metadata.
enum VolumeHeader {
  case lvm, array, luks

  /// Takes the name that blkid(8) has for the type; nil for other types.
  init?(type: Substring) {
    switch type {
    case "LVM2_member": self = .lvm
    case "linux_raid_member": self = .array
    case "crypto_LUKS": self = .luks
    default: return nil
    }
  }

  /// Prints what `areas(parsing:)` parses, for the device `$d`: lines printed by pvck(8), mdadm(8) or cryptsetup(8).
  var script: String {
    switch self {
    case .lvm:
      """
      timeout 600 lvm pvck --dump headers $d | sed -nE \
        's/^ *(label_header) at ([0-9]+)$/\\1: \\2/p
        s/^ *(mda_header_[0-9]+)\\.(start|size) ([0-9]+)$/\\1.\\2: \\3/p'
      """
    case .array:
      """
      echo "Device Size: $(blockdev --getsize64 $d)"
      timeout 600 mdadm --examine $d | sed -nE \
        's/^ *Version : ([0-9]+).*$/Version: \\1/p; s/^ *Super Offset : ([0-9]+) sectors$/Super Offset: \\1/p'
      """
    case .luks:
      """
      timeout 600 cryptsetup luksDump $d | sed -nE \
        's/^Payload offset:[[:space:]]*([0-9]+)$/Payload offset: \\1/p
        /^Data segments:/,/^Keyslots:/ s/^[[:space:]]+offset: ([0-9]+) \\[bytes\\]$/Segment: \\1/p'
      """
    }
  }

  private static let sector: UInt64 = 512

  func areas(parsing lines: [Substring]) -> [DeviceArea] {
    let numbers = ToolNumbers(lines)
    var areas: [DeviceArea] = []
    switch self {
    case .lvm:
      areas.add("LVM label", at: numbers["label_header"], count: Self.sector)
      for number in 1...2 {
        guard let size = numbers["mda_header_\(number).size"] else { continue }
        areas.add(
          number == 1 ? "LVM metadata" : "LVM metadata 2", at: numbers["mda_header_\(number).start"], count: size)
      }
    case .array:
      // A superblock takes 4 KiB. Version 0.90 starts at the last multiple of 64 KiB that is at least 64 KiB before
      // the end of the device (md(4)).
      let block: UInt64 = 64 << 10
      let old =
        numbers["Version"] == 0
        ? numbers["Device Size"].flatMap { $0 >= block ? $0 / block * block - block : nil } : nil
      areas.add("md superblock", at: numbers["Super Offset"]?.times(Self.sector) ?? old, count: 4096)
    case .luks:
      if let end = numbers["Payload offset"]?.times(Self.sector) ?? numbers["Segment"] {
        areas.add("LUKS header", at: 0, count: end)
      }
    }
    return areas
  }
}
