import BlockMap

/// The names of the guest's disks and partitions.
///
/// libguestfs calls the disks `/dev/sda`, `/dev/sdb` … in their order, and translates that to what the appliance's kernel
/// calls them, once, at its start: a disk that comes up late makes it take one for another. So its calls are given the
/// names that come from the disks' labels.
extension Guest {
  private static let subvolumePrefix = Array("btrfsvol:".utf8)

  /// What finds a device or a mountable in the appliance; names of other things than disks and partitions are as they are.
  package func inAppliance(_ name: [UInt8]) -> [UInt8] {
    guard !name.starts(with: Self.subvolumePrefix) else {
      return Self.subvolumePrefix + inAppliance(Array(name.dropFirst(Self.subvolumePrefix.count)))
    }
    guard name.starts(with: DiskName.prefix) else { return set.nameInAppliance(name) }
    let letters = name.dropFirst(DiskName.prefix.count).prefix { (0x61...0x7a).contains($0) }
    let rest = name.dropFirst(DiskName.prefix.count + letters.count)
    // A volume group may be called `sdx`: its volumes have a slash behind that.
    guard rest.first.map({ (0x30...0x39).contains($0) }) ?? true,
      let number = (1...max(1, guestDisks.count)).first(where: { DiskName.of($0) == DiskName.prefix + letters })
    else { return set.nameInAppliance(name) }
    return Array(Appliance.path(ofDisk: number).utf8) + rest
  }
}
