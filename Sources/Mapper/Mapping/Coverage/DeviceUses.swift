import Bytes
import Guestfs

/// What runs on devices of which it has to be asked: LVM, md and dynamic disks. An ordinary guest has none that is not in
/// use, and nothing is asked.
struct DeviceUses: Equatable {
  /// Devices, by their numbers, that something which runs holds.
  var held: Set<Substring> = []
  /// Physical volumes, by their numbers, that LVM knows.
  var physicalVolumes: Set<Substring> = []
  /// Volumes of dynamic disks that are not there, by the names that they would have.
  var missingVolumes: [[UInt8]] = []

  init() {}

  /// Prints what `init(parsing:)` reads.
  /// - Parameter members: the numbers of devices that may be held.
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
        for g in $(ldmtool scan 2>/dev/null | tr -d '[]\\", \\n'); do
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

  /// What ldmtool(1) shows of a group: a JSON object, a line for each key and each member of a list.
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

extension Examiner {
  /// What is to be asked, asked in one go.
  func deviceUses() throws -> DeviceUses {
    let members = guest.inventory.devices.filter { $0.type == "linux_raid_member" }.map(\.number)
    let hasPhysicalVolumes = guest.inventory.devices.contains { $0.type == "LVM2_member" && !guest.isPart($0) }
    let hasDynamicDisks = guest.inventory.devices.contains { $0.partition == .dynamicDisk }
    guard !members.isEmpty || hasPhysicalVolumes || hasDynamicDisks else { return DeviceUses() }
    do {
      let script = DeviceUses.script(
        members: members, hasPhysicalVolumes: hasPhysicalVolumes, hasDynamicDisks: hasDynamicDisks)
      return DeviceUses(parsing: String(decoding: try guest.appliance.longShell(script), as: UTF8.self))
    } catch {
      try guest.checkHelpers()
      guest.reporter.detail("the users of the devices cannot be found: \(error)")
      return DeviceUses()
    }
  }
}
