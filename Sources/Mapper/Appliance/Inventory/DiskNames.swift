import BlockMap

/// Translates the names of the guest's disks and partitions.
///
/// libguestfs calls the disks `/dev/sda`, `/dev/sdb` … in order. It translates these names to the kernel's names
/// once, when it starts, so if a disk appears late it takes one disk for another. Calls to libguestfs therefore use
/// paths that are based on the labels of the disks.
extension Guest {
  private static let subvolumePrefix = Array("btrfsvol:".utf8)

  /// Returns the name of a device or a mountable in the appliance. Only names of disks and partitions change, and
  /// those that `DiskSet.nameInAppliance` translates.
  package func inAppliance(_ name: [UInt8]) -> [UInt8] {
    guard !name.starts(with: Self.subvolumePrefix) else {
      return Self.subvolumePrefix + inAppliance(Array(name.dropFirst(Self.subvolumePrefix.count)))
    }
    guard name.starts(with: DiskName.prefix) else { return set.nameInAppliance(name) }
    let letters = name.dropFirst(DiskName.prefix.count).prefix { (0x61...0x7a).contains($0) }
    let rest = name.dropFirst(DiskName.prefix.count + letters.count)
    // A volume group can be called `sdx`, but a slash follows in the names of its volumes.
    guard rest.first.map({ (0x30...0x39).contains($0) }) ?? true,
      let number = (1...max(1, guestDisks.count)).first(where: { DiskName.of($0) == DiskName.prefix + letters })
    else { return set.nameInAppliance(name) }
    return Array(Appliance.path(ofDisk: number).utf8) + rest
  }
}
