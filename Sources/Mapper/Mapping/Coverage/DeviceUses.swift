import Appliance
import Bytes
import Guestfs

/// The users of LVM, md and Windows dynamic disk members, as far as only the appliance knows them. It is not asked if
/// there are no md members or dynamic disks, and all physical volumes are in use.
struct DeviceUses: Equatable {
  /// The devices (`MAJOR:MINOR`) that a running device holds.
  var held: Set<Substring> = []
  /// The physical volumes (`MAJOR:MINOR`) that LVM recognizes.
  var physicalVolumes: Set<Substring> = []
  /// The missing volumes of dynamic disks, by the device names that they would have.
  var missingVolumes: [[UInt8]] = []

  init() {}

  /// Prints what `init(parsing:)` parses.
  /// - Parameter members: the devices (`MAJOR:MINOR`) that may be held.
  static func script(members: [String], hasPhysicalVolumes: Bool, hasDynamicDisks: Bool) -> String {
    var script = """
      for n in \(members.joined(separator: " ")); do
        for h in /sys/dev/block/$n/holders/*; do
          if [ -e $h ]; then s=-; [ -e $h/md/array_state ] && read -r s <$h/md/array_state; echo "holder $n $s"; fi
        done
      done

      """
    if hasPhysicalVolumes {
      script += "lvm pvs --noheadings -o pv_major,pv_minor 2>/dev/null | while read a b; do echo \"pv $a:$b\"; done\n"
    }
    if hasDynamicDisks {
      script += """
        for g in $(ldmtool scan 2>/dev/null | tr -d '[]\\",'); do
          echo group; ldmtool show diskgroup $g 2>/dev/null
        done
        echo there; cat /sys/class/block/dm-*/dm/name 2>/dev/null

        """
    }
    return script + "true"
  }

  init(parsing text: String) {
    var isThere = false
    var groups: [[Substring]] = []
    var there: Set<Substring> = []
    for line in text.lines {
      let fields = line.fields
      switch fields.first {
      case "there" where fields.count == 1: isThere = true
      case "group" where fields.count == 1: groups.append([])
      case _ where isThere: there.insert(line)
      case _ where !groups.isEmpty: groups[groups.count - 1].append(line)
      case "holder" where fields.count == 3 && !["inactive", "clear"].contains(fields[2]): held.insert(fields[1])
      case "pv" where fields.count == 2: physicalVolumes.insert(fields[1])
      default: continue
      }
    }
    for group in groups {
      let (name, volumes) = Self.dynamicVolumes(group)
      missingVolumes += volumes.map { "ldm_vol_\(name)_\($0)" }.filter { !there.contains($0[...]) }
        .map { Array("/dev/mapper/\($0)".utf8) }
    }
  }

  /// Parses ldmtool(1)'s description of a disk group: a JSON object, with one line for each key and list element.
  private static func dynamicVolumes(_ lines: [Substring]) -> (name: String, volumes: [String]) {
    var name = ""
    var volumes: [String] = []
    var isInVolumes = false
    for line in lines {
      let strings = line.parts(between: "\"", omittingEmptySubsequences: false)
      if isInVolumes {
        if strings.count == 3 { volumes.append(String(strings[1])) }
        if line.contains("]") { isInVolumes = false }
      } else if strings.count == 5, strings[1] == "name" {
        name = String(strings[3])
      } else if strings.count >= 3, strings[1] == "volumes" {
        isInVolumes = !line.contains("]")
      }
    }
    return (name, volumes)
  }
}

extension DeviceUses {
  /// Runs all queries in one call.
  init(asking guest: Guest) throws {
    self.init()
    let members = guest.inventory.devices.filter { $0.type == "linux_raid_member" }.map(\.number)
    let hasPhysicalVolumes = guest.inventory.devices.contains { $0.type == "LVM2_member" && !guest.isPart($0) }
    let hasDynamicDisks = guest.inventory.devices.contains { $0.partition == .dynamicDisk }
    guard !members.isEmpty || hasPhysicalVolumes || hasDynamicDisks else { return }
    do {
      let script = Self.script(
        members: members, hasPhysicalVolumes: hasPhysicalVolumes, hasDynamicDisks: hasDynamicDisks)
      self.init(parsing: String(decoding: try guest.appliance.longShell(script), as: UTF8.self))
    } catch {
      try guest.checkHelpers()
      guest.reporter.detail("the users of the devices cannot be found: \(error)")
    }
  }
}
