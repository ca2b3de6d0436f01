/// The disks that the appliance has at one time.
///
/// Disks that are copies of each other cannot be in one appliance. The kernel and LVM identify the members of
/// arrays, volume groups and filesystems by what is written on them, and would assemble one volume from parts of
/// both copies. So there is one set for each copy, and the sets are mapped in one appliance after the other.
package struct DiskSet: Equatable, Sendable {
  /// The numbers of the disks, in order; 1 for the guest's first disk.
  package var disks: [Int]
  /// The number of the set; 1 for the first set.
  package var number = 1
  /// Whether copies were looked for, so that nothing occurs twice in the set.
  package var isSeparated = false
  /// Pairs of disks in the set that may not belong together.
  package var doubts: [DiskGrouping.Doubt] = []

  /// Makes a set with all disks.
  package init(allOf count: Int) { disks = Array(1...max(1, count)) }

  /// Makes a set in which nothing occurs twice.
  package init(disks: [Int], number: Int, doubts: [DiskGrouping.Doubt]) {
    self.disks = disks
    self.number = number
    self.doubts = doubts
    isSeparated = true
  }

  /// The name in the map of a volume, an array or an opened device. In the appliance, those of the second set have
  /// the same names as those of the first, so the map adds `@2` to them. LVM and md names cannot contain an `@`.
  package func nameInMap(_ name: [UInt8]) -> [UInt8] { name + suffix }

  /// The reverse of `nameInMap`, for a device or for a mountable that starts with a device.
  package func nameInAppliance(_ name: [UInt8]) -> [UInt8] {
    guard !suffix.isEmpty else { return name }
    if name.suffix(suffix.count) == suffix[...] { return Array(name.dropLast(suffix.count)) }
    guard let index = name.indices.first(where: { name[$0...].starts(with: suffix + [0x2f]) }) else { return name }
    return Array(name[..<index] + name[(index + suffix.count)...])
  }

  private var suffix: [UInt8] { number > 1 ? Array("@\(number)".utf8) : [] }
}

/// The appliance has disks that are copies of each other. It must be started again, once for each set.
package struct CopiesFound: Error {
  package var sets: [DiskSet]
}
