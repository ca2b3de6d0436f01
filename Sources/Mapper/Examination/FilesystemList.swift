import Guestfs

/// What may hold a filesystem. libguestfs's own list asks several programs about each device, one call after the other,
/// which takes minutes where there are many and the appliance is emulated.
extension Examiner {
  /// The filesystems on the disks, their partitions and everything that is made of them, Btrfs's subvolumes each by
  /// itself.
  func listFilesystems(on disks: [[UInt8]]) throws -> [Guestfs.Filesystem] {
    try settle()
    var inAppliance: [[UInt8]: String] = [:]
    var names: [[UInt8]] = []
    let partitions = try appliance.listPartitions()
    for (index, disk) in disks.enumerated() {
      for name in try [disk] + partitions.filter({ try appliance.disk(of: $0) == disk }) {
        // Its kernel may have given the disks other names than libguestfs did.
        inAppliance[name] =
          Appliance.path(ofDisk: index + 1) + String(decoding: name.dropFirst(disk.count), as: UTF8.self)
        names.append(name)
      }
    }
    for name in try appliance.listMapperDevices() + appliance.listArrays() + appliance.listLogicalVolumes() {
      inAppliance[name] = String(decoding: name, as: UTF8.self)
      names.append(name)
    }
    let known = names.filter { $0.allSatisfy { isNameByte($0) } }
    let list = known.compactMap { inAppliance[$0] }.joined(separator: " ")
    let descriptions = try descriptions(of: list, count: known.count)
    var result: [Guestfs.Filesystem] = []
    var seen: Set<Substring> = []
    for name in known {
      guard let fields = inAppliance[name].flatMap({ descriptions[$0[...]] }),
        let major = UInt32(fields[0], radix: 16), let minor = UInt32(fields[1], radix: 16),
        holdsFilesystem(fields[2]), !devices.isInVolume("\(major):\(minor)")
      else { continue }
      let type = Array(fields[2].utf8)
      guard fields[2] == "btrfs" else {
        result.append(Guestfs.Filesystem(mountable: name, type: type))
        continue
      }
      // One that is on several devices is found on each.
      guard seen.insert(fields[3]).inserted else { continue }
      result.append(Guestfs.Filesystem(mountable: name, type: type))
      result += try subvolumes(of: name).map {
        Guestfs.Filesystem(mountable: Array("btrfsvol:".utf8) + name + [0x2f] + $0, type: type)
      }
    }
    return result
  }

  /// For each device its number in two parts, what is on it, and its UUID.
  ///
  /// After something had a disk open to write, udev in the appliance has the kernel read the partition table again, and
  /// for a moment there are no partitions: then all are asked again.
  private func descriptions(of list: String, count: Int) throws -> [Substring: [Substring]] {
    var result: [Substring: [Substring]] = [:]
    for _ in 0..<5 {
      try settle()
      let text = try appliance.longShell(
        """
        for d in \(list); do
          echo "is $d $(stat -L -c '%t %T' $d) $(blkid -p -o value -s TYPE $d) $(blkid -p -o value -s UUID $d)"
        done
        for d in \(list); do stat -L -c "still $d" $d; done
        true
        """)
      var isStill = 0
      for line in String(decoding: text, as: UTF8.self).split(separator: "\n") {
        let fields = line.split(separator: " ", omittingEmptySubsequences: false)
        if fields.first == "still" { isStill += 1 }
        if fields.first == "is", fields.count == 6 { result[fields[1]] = Array(fields[2...]) }
      }
      if result.count == count, isStill == count { break }
      reporter.detail("not all of the appliance's devices are there: \(String(decoding: text, as: UTF8.self))")
    }
    return result
  }

  /// By blkid(8)'s name for what is on a device.
  private func holdsFilesystem(_ type: Substring) -> Bool {
    switch type {
    case "", "swap", "swsuspend", "crypto_LUKS", "BitLocker": false
    default: !type.hasSuffix("_member")
    }
  }

  private func subvolumes(of device: [UInt8]) throws -> [[UInt8]] {
    do {
      try appliance.mountReadOnly(device)
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
