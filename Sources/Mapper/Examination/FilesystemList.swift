import Guestfs

/// What may hold a filesystem. libguestfs's own list asks several programs about each device, one call after the other,
/// which takes minutes where there are many and the appliance is emulated.
extension Examiner {
  /// The filesystems on one disk's partitions and on everything that is made of them, Btrfs's subvolumes each by itself.
  func listFilesystems(of disk: [UInt8]) throws -> [Guestfs.Filesystem] {
    try settle()
    let names =
      try [disk] + appliance.listPartitions().filter { try appliance.disk(of: $0) == disk }
      + appliance.listMapperDevices() + appliance.listArrays() + appliance.listLogicalVolumes()
    let known = names.filter { $0.allSatisfy { isNameByte($0) } }
    let list = known.map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ")
    let lines = try described(list, count: known.count)
    var result: [Guestfs.Filesystem] = []
    var seen: Set<Substring> = []
    for (name, line) in zip(known, lines) {
      let fields = line.split(separator: " ", omittingEmptySubsequences: false)
      guard fields.count >= 4, let major = UInt32(fields[0], radix: 16), let minor = UInt32(fields[1], radix: 16),
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

  /// For each device a line: its number in two parts, what is on it, and its UUID.
  ///
  /// After something had a disk open to write, udev in the appliance has the kernel read the partition table again, and
  /// for a moment there are no partitions.
  private func described(_ list: String, count: Int) throws -> [Substring] {
    for _ in 0..<5 {
      try settle()
      let text = try appliance.longShell(
        """
        for d in \(list); do
          stat -L -c '%t %T' $d > /dev/null || exit 0
          echo "$(stat -L -c '%t %T' $d) $(blkid -p -o value -s TYPE $d) $(blkid -p -o value -s UUID $d)"
        done
        for d in \(list); do stat -L -c %t $d > /dev/null || exit 0; done
        echo complete
        """)
      let lines = String(decoding: text, as: UTF8.self).split(separator: "\n")
      if lines.count == count + 1, lines.last == "complete" { return lines.dropLast() }
    }
    throw MapperError.appliance("its devices come and go")
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
