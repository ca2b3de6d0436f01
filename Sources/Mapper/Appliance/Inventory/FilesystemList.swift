import BlockMap
import BlockStack
import Bytes
import Guestfs

/// A block device in the appliance, and what is on it.
package struct ProbedDevice {
  /// The name in the map, which is libguestfs's name.
  package var name: [UInt8]
  /// `MAJOR:MINOR`.
  package var number: String
  /// The blkid(8) type of what is on the device, or empty if blkid does not recognize it.
  package var type: Substring
  package var uuid: Substring
  /// The blkid(8) type of the partition table on the device, or empty if there is none.
  package var tableType: Substring = ""
  /// For a partition, the blkid(8) type of the table that it is in (`dos`, `gpt`), and the partition type in the
  /// table.
  package var tableOfPartition: Substring = ""
  package var partitionType: Substring = ""
  /// What blkid(8) found if it found more than one signature, such as `filesystem:xfs`.
  package var candidates: [Substring] = []
  /// The candidates that the kernel mounts. The first is `type`, which must then be passed to mount(8).
  package var mountedTypes: [Substring] = []
  /// The UUID of the journal, if an ext3 or ext4 filesystem has it on another device.
  package var journal: Substring = ""
  /// The UUID of the device among those with the same `uuid`: blkid(8)'s UUID_SUB.
  package var part: Substring = ""

  /// Whether virt-bmap can open the device with a key.
  package var isEncrypted: Bool { type == "crypto_LUKS" || isBitLocker }
  package var isBitLocker: Bool { type == "BitLocker" }

  /// The type of the partition, or nil if this is not a partition.
  package var partition: PartitionType? { PartitionType(table: tableOfPartition, type: partitionType) }

  package var holdsFilesystem: Bool { DeviceDescription.isFilesystem(type) }
}

/// Devices that may contain a filesystem.
///
/// libguestfs's own list runs several programs for each device, in one call after the other. If the appliance is
/// emulated and there are many devices, that takes minutes.
extension Guest {
  /// Returns the filesystems in the inventory, including each Btrfs subvolume.
  package mutating func listFilesystems() throws -> [Guestfs.Filesystem] {
    var result: [Guestfs.Filesystem] = []
    var seen: Set<Substring> = []
    for device in inventory.devices where device.holdsFilesystem && !isPart(device) {
      let filesystem = filesystem(on: device)
      guard device.type == "btrfs" else {
        result.append(filesystem)
        continue
      }
      // A filesystem on several devices is found on each of them.
      guard seen.insert(device.uuid).inserted || inventory.isBtrfsTwin(device) else { continue }
      result.append(filesystem)
      result += try subvolumes(of: filesystem)
    }
    return result
  }

  /// Whether the device is part of an array or a volume, so that what is on it belongs to that.
  package func isPart(_ device: ProbedDevice) -> Bool {
    if devices.isInVolume(device.number[...]) { return true }
    // The volumes of a dynamic disk lie on the disk itself, and a partition can start where one of them does.
    guard device.partition == .dynamicDisk, let disk = inventory.whole(of: device) else { return false }
    return devices.isInVolume(disk.number[...])
  }

  /// Probes the disks, their partitions and all devices made of them.
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
    let known = names.filter { inAppliance[$0]?.utf8.allSatisfy { isNameByte($0) || $0 == 0x2f } ?? false }
    let descriptions = try descriptions(of: known.compactMap { inAppliance[$0] })
    let devices = known.compactMap { name -> ProbedDevice? in
      guard var found = inAppliance[name].flatMap({ descriptions[$0[...]] }) else { return nil }
      found.name = name
      return found
    }.map(asPartOfDynamicDisk)
    return Inventory(
      devices: devices, logicalVolumes: volumes, arrays: arrays, stackedPartitions: stacked,
      unusable: names.filter { name in !(inAppliance[name]?.utf8.allSatisfy { isNameByte($0) || $0 == 0x2f } ?? false) }
    )
  }

  /// The kernel finds the partitions of some dynamic disks (LDM) in their database. They are parts of volumes, but have
  /// no entries, and so no types, in the master boot record.
  private func asPartOfDynamicDisk(_ device: ProbedDevice) -> ProbedDevice {
    let isPart = set.disks.contains { number in
      guestDisks[number - 1].table.dynamicDatabase != nil
        && (partitions[number] ?? []).contains { DiskName.of(number) + Array(String($0.number).utf8) == device.name }
    }
    guard isPart else { return device }
    var device = device
    (device.tableOfPartition, device.partitionType) = ("dos", PartitionType.dynamicDiskOfMBR)
    return device
  }

  /// Returns the device mapper's devices that do not belong to LVM or to arrays of firmware RAID. libguestfs's call for this runs lvm once for
  /// each device.
  private func listMapperDevices() throws(GuestfsError) -> [[UInt8]] {
    let names = try appliance.shell(
      """
      for b in /sys/class/block/dm-*; do
        [ -e $b/dm/uuid ] || continue
        read -r u <$b/dm/uuid; read -r n <$b/dm/name
        case $u-$n in LVM-*|-\(IMSMMetadata.prefix)*) ;; *) printf '/dev/mapper/%s\\n' "$n" ;; esac
      done
      """)
    return names.split(separator: 0x0a).map(Array.init)
  }

  /// Returns the number of each device, what is on it, and its UUIDs.
  ///
  /// If a disk or a partition is missing, because the kernel is reading its partition table, probes all devices
  /// again, up to five times. Other devices are not waited for: a volume of an incomplete group never appears.
  private func descriptions(of names: [String]) throws -> [Substring: ProbedDevice] {
    var result: [Substring: ProbedDevice] = [:]
    let list = names.joined(separator: " ")
    let needed = names.filter { $0.hasPrefix(Appliance.directory) }
    for _ in 0..<5 {
      // One stat(1) for all devices, because starting programs takes most of the time if the appliance is emulated.
      // blkid(8) must run for each device, because it stops at the first one that it does not recognize. Its exit
      // status 8 means that it found more than one signature.
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

  /// Parses the output of the script.
  /// - Returns: the devices that still exist at its end.
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
