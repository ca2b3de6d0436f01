import BlockMap
import Bytes

/// Finds the members on the guest's disks in udev's database in the appliance. udev probed every device when the
/// appliance started, so nothing has to be probed again.
package enum MemberSearch {
  /// Prints the input of `members(parsing:disks:)`: the device of each label, the number of each device, and what
  /// is on it.
  package static let script = """
    ls -l \(Appliance.directory)
    for b in /sys/class/block/*; do read -r d <$b/dev; echo "number ${b##*/} $d"; done
    grep -E '^E:ID_FS_(TYPE|UUID|UUID_SUB)=' /run/udev/data/b* /dev/null
    true
    """

  /// A member, and the number (`MAJOR:MINOR`) of its device.
  package struct Found: Equatable {
    package var member: DiskMember
    package var number: Substring
  }

  package static func members(parsing text: String, disks: [Int]) -> [Found] {
    var labels: [Substring: Substring] = [:]
    var numbers: [Substring: Substring] = [:]
    var properties: [Substring: [Substring: Substring]] = [:]
    for line in text.lines {
      let fields = line.fields
      if fields.count >= 3, fields[fields.count - 2] == "->",
        let target = fields[fields.count - 1].parts(between: "/").last
      {
        labels[fields[fields.count - 3]] = target
      } else if fields.count == 3, fields[0] == "number" {
        numbers[fields[1]] = fields[2]
      } else if line.hasPrefix(Self.database) {
        // /run/udev/data/b8:1:E:ID_FS_TYPE=ext4
        let parts = line.dropFirst(Self.database.count).parts(between: ":", maxSplits: 3)
        guard parts.count == 4, parts[3].hasPrefix(Self.property) else { continue }
        let pair = parts[3].dropFirst(Self.property.count).parts(between: "=", maxSplits: 1)
        if pair.count == 2 { properties["\(parts[0]):\(parts[1])", default: [:]][pair[0]] = pair[1] }
      }
    }
    var result: [Found] = []
    for (label, target) in labels {
      guard let number = numbers[target], let found = properties[number],
        let (disk, partition) = diskAndPartition(of: label),
        disks.contains(disk), let kind = found["TYPE"].flatMap({ DiskMember.Kind(rawValue: String($0)) }),
        let uuid = found["UUID"]
      else { continue }
      let part = found["UUID_SUB"] ?? ""
      let id = kind == .lvm || kind == .luks ? String(uuid) : "\(uuid) \(part)"
      result.append(
        Found(
          member: DiskMember(
            disk: disk, name: DiskName.of(disk) + Array(partition.utf8),
            identity: DiskMember.Identity(kind: kind, id: id), whole: String(uuid)),
          number: number))
    }
    return result.sorted {
      ($0.member.disk, $0.member.name.count, $0.number) < ($1.member.disk, $1.member.name.count, $1.number)
    }
  }

  private static let database = "/run/udev/data/b"
  private static let property = "ID_FS_"

  /// Returns the disk and the partition that a label stands for: a label made by `Appliance.label`, followed by the
  /// partition number.
  private static func diskAndPartition(of label: Substring) -> (disk: Int, partition: Substring)? {
    let prefix = Appliance.label(ofDisk: 0).dropLast()
    guard label.hasPrefix(prefix) else { return nil }
    let letters = label.dropFirst(prefix.count).prefix { ("a"..."j").contains($0) }
    let digits = letters.utf8.map { String($0 - UInt8(ascii: "a")) }.joined()
    return Int(digits).map { ($0, label.dropFirst(prefix.count + letters.count)) }
  }

  /// Prints the input of `complete`: for each member, by its index in the list, what identifies it and its state.
  package static func detailScript(_ members: [Found]) -> String {
    members.enumerated().map { index, found in
      let tool: String
      switch found.member.identity.kind {
      case .array:
        tool = """
          mdadm --examine $d | sed -nE \
            's/^ *Update Time : (.*)$/state \\1/p; s/^ *Events : ([0-9.]+)$/state \\1/p; s/^this +([0-9]+) .*/part \\1/p'
          """
      case .lvm:
        // The name of the volume group, and its sequence number, which grows with each change to the metadata.
        tool = """
          lvm pvck --dump headers $d | sed -nE \
            's/^ *metadata text at .* # vgname ([^ ]+) seqno ([0-9]+)$/whole \\1\\nstate \\2/p'
          """
      case .btrfs:
        tool = "btrfs inspect-internal dump-super $d | sed -nE 's/^generation[[:space:]]+([0-9]+)$/state \\1/p'"
      case .luks: tool = ":"
      }
      return "echo 'on \(index)'; d=/dev/block/\(found.number); { \(tool)\n} 2>/dev/null"
    }.joined(separator: "\n") + "\ntrue"
  }

  /// Adds the output of `detailScript` to the members.
  package static func complete(_ members: inout [Found], parsing text: String) {
    var current: Int?
    for line in text.lines {
      let pair = line.parts(between: " ", maxSplits: 1)
      guard pair.count == 2 else { continue }
      if pair[0] == "on" {
        current = Int(pair[1]).flatMap { members.indices.contains($0) ? $0 : nil }
        continue
      }
      guard let current else { continue }
      switch pair[0] {
      case "state":
        members[current].member.state += members[current].member.state.isEmpty ? "\(pair[1])" : " \(pair[1])"
      case "whole": members[current].member.whole = String(pair[1])
      case "part":
        // In md metadata version 0.90, only a number within the array distinguishes its devices.
        members[current].member.identity.id += String(pair[1])
      default: continue
      }
    }
    for index in members.indices where members[index].member.identity.id.hasSuffix(" ") {
      // Nothing distinguishes this member from others of the array or filesystem, so assume that it is not a copy.
      members[index].member.identity.id += String(decoding: members[index].member.name, as: UTF8.self)
    }
  }
}
