import BlockMap
import Guestfs

/// A device that something may be on.
struct ProbedDevice {
  /// As libguestfs names it.
  var name: [UInt8]
  /// `MAJOR:MINOR`.
  var number: String
  /// blkid(8)'s name for what is on it, empty if it knows nothing.
  var type: Substring
  var uuid: Substring

  var isEncrypted: Bool { type == "crypto_LUKS" }

  var holdsFilesystem: Bool { DeviceDescription.isFilesystem(type) }
}

/// What may hold a filesystem. libguestfs's own list asks several programs about each device, one call after the other,
/// which takes minutes where there are many and the appliance is emulated.
extension Examiner {
  /// The filesystems among what was found, Btrfs's subvolumes each by itself.
  func listFilesystems() throws -> [Guestfs.Filesystem] {
    var result: [Guestfs.Filesystem] = []
    var seen: Set<Substring> = []
    for device in inventory.devices where device.holdsFilesystem && !devices.isInVolume(device.number[...]) {
      let type = Array(device.type.utf8)
      guard device.type == "btrfs" else {
        result.append(Guestfs.Filesystem(mountable: device.name, type: type))
        continue
      }
      // One that is on several devices is found on each.
      guard seen.insert(device.uuid).inserted else { continue }
      result.append(Guestfs.Filesystem(mountable: device.name, type: type))
      result += try subvolumes(of: device.name).map {
        Guestfs.Filesystem(mountable: Array("btrfsvol:".utf8) + device.name + [0x2f] + $0, type: type)
      }
    }
    return result
  }

  /// The disks, their partitions and everything that is made of them, and what is on each.
  func probe(_ disks: [[UInt8]]) throws -> Inventory {
    var names: [[UInt8]] = []
    var inAppliance: [[UInt8]: String] = [:]
    for (index, disk) in disks.enumerated() {
      for name in try [disk] + partitionNumbers(ofDisk: index + 1).map({ disk + Array(String($0).utf8) }) {
        inAppliance[name] = String(decoding: self.inAppliance(name), as: UTF8.self)
        names.append(name)
      }
    }
    let arrays = try appliance.listArrays()
    let volumes = try appliance.listLogicalVolumes()
    for name in try listMapperDevices() + openedDevices.map(\.name) + arrays + volumes
    where inAppliance[name] == nil {
      inAppliance[name] = String(decoding: name, as: UTF8.self)
      names.append(name)
    }
    // LVM allows letters, digits and +_.- in names; anything else does not get near a shell.
    let known = names.filter { $0.allSatisfy { isNameByte($0) } }
    let descriptions = try descriptions(of: known.compactMap { inAppliance[$0] })
    let devices = known.compactMap { name -> ProbedDevice? in
      guard let found = inAppliance[name].flatMap({ descriptions[$0[...]] }) else { return nil }
      return ProbedDevice(name: name, number: found.number, type: found.type, uuid: found.uuid)
    }
    return Inventory(devices: devices, logicalVolumes: volumes, arrays: arrays)
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

  private struct Description {
    /// `MAJOR:MINOR`.
    var number: String
    var type: Substring = ""
    var uuid: Substring = ""
  }

  /// For each device its number, what is on it, and its UUID.
  ///
  /// Where a partition is missing, because the kernel reads its table just then, all are asked again. A volume of a group
  /// that misses a disk never comes.
  private func descriptions(of names: [String]) throws -> [Substring: Description] {
    var result: [Substring: Description] = [:]
    let list = names.joined(separator: " ")
    let needed = names.filter { $0.hasPrefix(Appliance.directory) }
    for _ in 0..<5 {
      // To start a program is what takes the time where the appliance is emulated. blkid itself ends at the first device
      // that it makes nothing of.
      let text = try appliance.longShell(
        """
        \(Self.settled)
        stat -L -c 'number %n %t %T' \(list)
        for d in \(list); do blkid -p -o export -s TYPE -s UUID $d; done
        stat -L -c 'still %n' \(list)
        true
        """)
      let still = parse(String(decoding: text, as: UTF8.self), into: &result)
      if needed.allSatisfy({ result[$0[...]] != nil && still.contains($0[...]) }) { break }
      reporter.detail("not all of the appliance's devices are there: \(String(decoding: text, as: UTF8.self))")
    }
    return result
  }

  /// - Returns: the devices that are there still.
  private func parse(_ text: String, into result: inout [Substring: Description]) -> Set<Substring> {
    var still: Set<Substring> = []
    var device: Substring = ""
    for line in text.split(separator: "\n") {
      let fields = line.split(separator: " ")
      if fields.count == 4, fields[0] == "number", let major = UInt32(fields[2], radix: 16),
        let minor = UInt32(fields[3], radix: 16)
      {
        result[fields[1]] = Description(number: "\(major):\(minor)")
      } else if fields.count == 2, fields[0] == "still" {
        still.insert(fields[1])
      }
      let pair = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard pair.count == 2 else { continue }
      switch pair[0] {
      case "DEVNAME": device = pair[1]
      case "TYPE": result[device]?.type = pair[1]
      case "UUID": result[device]?.uuid = pair[1]
      default: continue
      }
    }
    return still
  }

  private func subvolumes(of device: [UInt8]) throws -> [[UInt8]] {
    do {
      try appliance.mountReadOnly(inAppliance(device))
      defer { try? appliance.unmountAll() }
      return try appliance.subvolumesOfRoot()
    } catch {
      // That it cannot be mounted is said when it is examined.
      try checkHelpers()
      reporter.warning("\(shown(device)): the list of subvolumes is incomplete: \(error.firstLine)")
      return []
    }
  }
}
