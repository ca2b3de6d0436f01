import BlockMap
import Bytes
import Guestfs

/// A device that something may be on.
package struct ProbedDevice {
  /// As libguestfs names it.
  package var name: [UInt8]
  /// `MAJOR:MINOR`.
  package var number: String
  /// blkid(8)'s name for what is on it, empty if it knows nothing.
  package var type: Substring
  package var uuid: Substring
  /// blkid(8)'s name for the partition table on it, empty if there is none.
  package var tableType: Substring = ""
  /// Of a partition, blkid(8)'s name for the table that it is in (`dos`, `gpt`), and its type as the table has it.
  package var tableOfPartition: Substring = ""
  package var partitionType: Substring = ""
  /// What blkid(8) found where it found more than one thing, such as `filesystem:xfs`.
  package var candidates: [Substring] = []
  /// Those of them as which the kernel mounts it; the first is `type`, of which mount(8) has to be told.
  package var mountedTypes: [Substring] = []
  /// The UUID of the journal, where an ext3 or ext4 has it on another device.
  package var journal: Substring = ""
  /// Which of the devices with the same UUID it is.
  package var part: Substring = ""

  package var isEncrypted: Bool { type == "crypto_LUKS" }

  /// Nil if it is no partition.
  package var partition: PartitionType? { PartitionType(table: tableOfPartition, type: partitionType) }

  package var holdsFilesystem: Bool { DeviceDescription.isFilesystem(type) }
}

/// What may hold a filesystem. libguestfs's own list asks several programs about each device, one call after the other,
/// which takes minutes where there are many and the appliance is emulated.
extension Guest {
  /// The filesystems among what was found, Btrfs's subvolumes each by itself.
  package mutating func listFilesystems() throws -> [Guestfs.Filesystem] {
    var result: [Guestfs.Filesystem] = []
    var seen: Set<Substring> = []
    for device in inventory.devices where device.holdsFilesystem && !isPart(device) {
      let filesystem = filesystem(on: device)
      guard device.type == "btrfs" else {
        result.append(filesystem)
        continue
      }
      // One that is on several devices is found on each.
      guard seen.insert(device.uuid).inserted || inventory.isBtrfsTwin(device) else { continue }
      result.append(filesystem)
      result += try subvolumes(of: filesystem)
    }
    return result
  }

  /// Whether what is on the device is that of an array or a volume that is made of it.
  package func isPart(_ device: ProbedDevice) -> Bool {
    if devices.isInVolume(device.number[...]) { return true }
    // A dynamic disk's volumes lie on the disk itself, and a partition of it may begin where one of them does.
    guard device.partition == .dynamicDisk, let disk = inventory.whole(of: device) else { return false }
    return devices.isInVolume(disk.number[...])
  }

  /// The disks, their partitions and everything that is made of them, and what is on each.
  package func probe(_ disks: [[UInt8]]) throws -> Inventory {
    var names: [[UInt8]] = []
    var inAppliance: [[UInt8]: String] = [:]
    for (number, disk) in zip(set.disks, disks) {
      for name in [disk] + (partitions[number] ?? []).map({ disk + Array(String($0.number).utf8) }) {
        inAppliance[name] = String(decoding: self.inAppliance(name), as: UTF8.self)
        names.append(name)
      }
    }
    let arrays = try appliance.listArrays().map(set.nameInMap)
    let volumes = try (appliance.listLogicalVolumes() + skippedVolumes).map(set.nameInMap)
    let stacked = try listStackedPartitions().map(set.nameInMap)
    for name in try listMapperDevices().map(set.nameInMap) + openedDevices.map(\.name) + arrays + stacked + volumes
    where inAppliance[name] == nil {
      inAppliance[name] = String(decoding: self.inAppliance(name), as: UTF8.self)
      names.append(name)
    }
    // LVM allows letters, digits and +_.- in names; anything else does not get near a shell.
    let known = names.filter { inAppliance[$0]?.utf8.allSatisfy { isNameByte($0) } ?? false }
    let descriptions = try descriptions(of: known.compactMap { inAppliance[$0] })
    let devices = known.compactMap { name -> ProbedDevice? in
      guard var found = inAppliance[name].flatMap({ descriptions[$0[...]] }) else { return nil }
      found.name = name
      return found
    }
    return Inventory(
      devices: devices, logicalVolumes: volumes, arrays: arrays, stackedPartitions: stacked,
      unusable: names.filter { name in !(inAppliance[name]?.utf8.allSatisfy { isNameByte($0) } ?? false) })
  }

  /// What the device mapper makes and LVM does not know of. libguestfs, asked for it, starts lvm once for each device.
  private func listMapperDevices() throws(GuestfsError) -> [[UInt8]] {
    let names = try appliance.shell(
      """
      for b in /sys/class/block/dm-*; do
        [ -e $b/dm/uuid ] || continue
        read -r u <$b/dm/uuid; read -r n <$b/dm/name
        case $u in LVM-*) ;; *) printf '/dev/mapper/%s\\n' "$n" ;; esac
      done
      """)
    return names.split(separator: 0x0a).map(Array.init)
  }

  /// For each device its number, what is on it, and its UUID.
  ///
  /// Where a partition is missing, because the kernel reads its table just then, all are asked again. A volume of a group
  /// that misses a disk never comes.
  private func descriptions(of names: [String]) throws -> [Substring: ProbedDevice] {
    var result: [Substring: ProbedDevice] = [:]
    let list = names.joined(separator: " ")
    let needed = names.filter { $0.hasPrefix(Appliance.directory) }
    for _ in 0..<5 {
      // To start a program is what takes the time where the appliance is emulated. blkid itself ends at the first device
      // that it makes nothing of.
      let text = try appliance.longShell(
        """
        \(Self.settled)
        stat -L -c 'number %n %t %T' \(list)
        for d in \(list); do
          blkid -p -o export \(Self.tags) $d
          if [ $? = 8 ]; then echo "DEVNAME=$d"; blkid -p -o udev $d | grep '^ID_FS_AMBIVALENT='; fi
        done
        stat -L -c 'still %n' \(list)
        true
        """)
      let still = Self.parse(String(decoding: text, as: UTF8.self), into: &result)
      if needed.allSatisfy({ result[$0[...]] != nil && still.contains($0[...]) }) { break }
      reporter.detail("not all of the appliance's devices are there: \(String(decoding: text, as: UTF8.self))")
    }
    return result
  }

  private static let tags = "TYPE UUID UUID_SUB EXT_JOURNAL PTTYPE PART_ENTRY_SCHEME PART_ENTRY_TYPE"
    .fields.map { "-s \($0)" }.joined(separator: " ")

  /// - Returns: the devices that are there still.
  package static func parse(_ text: String, into result: inout [Substring: ProbedDevice]) -> Set<Substring> {
    var still: Set<Substring> = []
    var device: Substring = ""
    for line in text.lines {
      let fields = line.fields
      if fields.count == 4, fields[0] == "number", let major = UInt32(fields[2], radix: 16),
        let minor = UInt32(fields[3], radix: 16)
      {
        result[fields[1]] = ProbedDevice(name: [], number: "\(major):\(minor)", type: "", uuid: "")
      } else if fields.count == 2, fields[0] == "still" {
        still.insert(fields[1])
      }
      let pair = line.parts(between: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard pair.count == 2 else { continue }
      switch pair[0] {
      case "DEVNAME": device = pair[1]
      case "TYPE": result[device]?.type = pair[1]
      case "UUID": result[device]?.uuid = pair[1]
      case "EXT_JOURNAL": result[device]?.journal = pair[1]
      case "PTTYPE": result[device]?.tableType = pair[1]
      case "PART_ENTRY_SCHEME": result[device]?.tableOfPartition = pair[1]
      case "PART_ENTRY_TYPE": result[device]?.partitionType = pair[1]
      case "ID_FS_AMBIVALENT": result[device]?.candidates = pair[1].fields
      case "UUID_SUB": result[device]?.part = pair[1]
      default: continue
      }
    }
    return still
  }
}
