import BlockStack

/// What the kernel is to be given of a disk's partition table.
package struct PartitionPlan {
  /// Its number, from 1.
  package let disk: Int
  package let table: DiskTable
  /// Cut to the disk.
  package let added: [DiskTable.Partition]
  private let removed: [Int]
  /// Whether the kernel has partitions of the disk.
  private let isTaken: Bool

  /// - Parameter kernels: the partitions that the kernel has by itself.
  package init(disk: Int, _ guestDisk: GuestDisk, kernels: [KernelPartition]) {
    self.init(disk: disk, guestDisk.table, size: guestDisk.size, kernels: kernels)
  }

  /// - Parameter size: of the disk, in bytes.
  package init(disk: Int, _ table: DiskTable, size: UInt64, kernels: [KernelPartition]) {
    self.disk = disk
    self.table = table
    isTaken = !kernels.isEmpty
    removed = table.replacesKernels ? kernels.map(\.number) : []
    let left = table.replacesKernels ? [] : kernels
    // Where the kernel's are others, it takes another table.
    let isSame = left.allSatisfy { known in
      table.partitions.contains { $0.number == known.number && $0.range.lowerBound == known.range.lowerBound }
    }
    guard table.isForKernel, isSame else {
      added = []
      return
    }
    added = Self.addable(table.partitions, beside: left, size: size)
  }

  /// The kernel takes no partition that overlaps another: one for the whole disk goes without.
  private static func addable(
    _ partitions: [DiskTable.Partition], beside kernels: [KernelPartition], size: UInt64
  ) -> [DiskTable.Partition] {
    var taken = kernels.map(\.range)
    var added: [DiskTable.Partition] = []
    for partition in partitions.sorted(by: { ($0.length, $0.number) < ($1.length, $1.number) })
    where !kernels.contains(where: { $0.number == partition.number }) {
      let range = partition.range.clamped(to: 0..<size / sector * sector)
      guard !range.isEmpty, !taken.contains(where: { $0.overlaps(range) }) else { continue }
      taken.append(range)
      added.append(DiskTable.Partition(number: partition.number, range: range))
    }
    return added.sorted { $0.number < $1.number }
  }

  /// The kernel's unit.
  private static let sector = SectorSize.bytes512.bytes

  /// Whether there is anything to do or to say. What looks like a master boot record to nobody else is none: the start of
  /// a filesystem, for example.
  package var isNeeded: Bool { !added.isEmpty || !table.damage.isEmpty && (isTaken || table.kind != .mbr) }

  /// Whether the table is what the disk is for.
  ///
  /// A member of an array or a volume group may begin with the table of the array; a filesystem over the whole disk may
  /// have left parts of an older table.
  package func isMeant(whereTheDiskHolds type: some StringProtocol) -> Bool {
    switch table.kind {
    case .gpt where !added.isEmpty || table.partitions.isEmpty: type.isEmpty
    case .none, .mbr, .gpt, .bsd, .apple: !type.hasSuffix("_member") && type != "crypto_LUKS"
    }
  }

  /// For the appliance's shell.
  package var script: String {
    let device = Appliance.path(ofDisk: disk)
    let removals = removed.isEmpty ? "" : removed.map { "delpart \(device) \($0)\n" }.joined()
    return added.isEmpty
      ? ""
      : removals
        + added.map {
          "addpart \(device) \($0.number) \($0.range.lowerBound / Self.sector) \(UInt64($0.range.count) / Self.sector)\n"
        }.joined()
  }

  /// The numbers of partitions in the table that the kernel does not have.
  package func missing(in kernels: [KernelPartition]) -> [Int] {
    guard table.isForKernel else { return [] }
    return table.partitions.filter { partition in
      !kernels.contains { $0.number == partition.number }
        // One that holds others has them for it.
        && !table.partitions.contains { $0 != partition && $0.range.clamped(to: partition.range) == $0.range }
    }.map(\.number)
  }
}
