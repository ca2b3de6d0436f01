/// The disks that the appliance has at a time.
///
/// Disks that are copies of each other cannot be there together: the kernel and LVM tell the members of arrays, volume
/// groups and filesystems apart by what is written on them, and would put together halves of both. So there is one set
/// for each copy, and one appliance after the other.
package struct DiskSet: Equatable, Sendable {
  /// Their numbers, in order; 1 for the guest's first disk.
  package var disks: [Int]
  /// 1 for the first set.
  package var number = 1
  /// Whether copies were looked for, and none is in the set twice.
  package var isSeparated = false
  /// Pairs of its disks that may not belong together.
  package var doubts: [DiskGrouping.Doubt] = []

  /// A set with all disks.
  package init(allOf count: Int) { disks = Array(1...max(1, count)) }

  /// A set in which nothing is twice.
  package init(disks: [Int], number: Int, doubts: [DiskGrouping.Doubt]) {
    self.disks = disks
    self.number = number
    self.doubts = doubts
    isSeparated = true
  }

  /// What the map calls a volume, an array or an opened device: those of the second set have the names of the first
  /// set's in the appliance, and `@2` behind them in the map. No name of LVM's or md's has an `@`.
  package func nameInMap(_ name: [UInt8]) -> [UInt8] { name + suffix }

  /// The reverse of `nameInMap`, for a device, or for a mountable that begins with a device.
  package func nameInAppliance(_ name: [UInt8]) -> [UInt8] {
    guard !suffix.isEmpty else { return name }
    if name.suffix(suffix.count) == suffix[...] { return Array(name.dropLast(suffix.count)) }
    guard let place = name.indices.first(where: { name[$0...].starts(with: suffix + [0x2f]) }) else { return name }
    return Array(name[..<place] + name[(place + suffix.count)...])
  }

  private var suffix: [UInt8] { number > 1 ? Array("@\(number)".utf8) : [] }
}

/// The appliance has disks that are copies of each other, and has to be started again, once for each set.
package struct CopiesFound: Error {
  package var sets: [DiskSet]
}
