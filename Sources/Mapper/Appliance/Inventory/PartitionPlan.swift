import BlockStack

/// The changes to make to the kernel's partitions of a disk.
package struct PartitionPlan {
  /// The number of the disk, from 1.
  package let disk: Int
  package let table: DiskTable
  /// The partitions to add, clamped to the size of the disk.
  package let added: [DiskTable.Partition]
  private let removed: [Int]
  /// Whether the kernel has partitions of the disk.
  private let isTaken: Bool

  /// - Parameter kernels: the partitions that the kernel finds by itself.
  package init(disk: Int, _ guestDisk: GuestDisk, kernels: [KernelPartition]) {
    self.init(disk: disk, guestDisk.table, size: guestDisk.size, kernels: kernels)
  }

  /// - Parameter size: the size of the disk, in bytes.
  package init(disk: Int, _ table: DiskTable, size: UInt64, kernels: [KernelPartition]) {
    self.disk = disk
    self.table = table
    isTaken = !kernels.isEmpty
    removed = table.replacesKernels ? kernels.map(\.number) : []
    let left = table.replacesKernels ? [] : kernels
    // If the kernel's partitions differ, the kernel uses another table.
    let isSame = left.allSatisfy { known in
      table.partitions.contains { $0.number == known.number && $0.range.lowerBound == known.range.lowerBound }
    }
    guard table.isForKernel, isSame else {
      added = []
      return
    }
    added = Self.addable(table.partitions, beside: left, size: size)
  }

  /// Returns the partitions that can be added. The kernel rejects overlapping partitions, so shorter ones come
  /// first, and a partition for the whole disk is left out.
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

  /// The unit of addpart(8), in bytes.
  private static let sector = SectorSize.bytes512.bytes

  /// Whether there is anything to do or to report. If the kernel does not accept an MBR, it is not reported as
  /// damaged, because it is probably something else, such as the start of a filesystem.
  package var isNeeded: Bool { !added.isEmpty || !table.damage.isEmpty && (isTaken || table.kind != .mbr) }

  /// Whether the table describes what the disk is used for now.
  ///
  /// A member of an array or a volume group can start with the table of the array, and a filesystem on the whole
  /// disk can leave parts of an older table behind.
  package func isMeant(whereTheDiskHolds type: some StringProtocol) -> Bool {
    switch table.kind {
    case .gpt where !added.isEmpty || table.partitions.isEmpty: type.isEmpty
    case .none, .mbr, .gpt, .bsd, .apple: !type.hasSuffix("_member") && type != "crypto_LUKS"
    }
  }

  /// The shell script that applies the plan in the appliance.
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

  /// Returns the numbers of the partitions in the table that the kernel does not have.
  package func missing(in kernels: [KernelPartition]) -> [Int] {
    guard table.isForKernel else { return [] }
    return table.partitions.filter { partition in
      !kernels.contains { $0.number == partition.number }
        // A partition that contains others does not count: they are listed instead.
        && !table.partitions.contains { $0 != partition && $0.range.clamped(to: partition.range) == $0.range }
    }.map(\.number)
  }
}
