/// A disk's partition table as written on the disk.
///
/// The kernel decides which partitions exist. This table provides what the kernel does not: where an extended
/// partition ends, what is damaged, and the partitions of a table that the kernel does not support.
package struct DiskTable: Equatable {
  package enum Kind: Equatable {
    case none, mbr, gpt
    /// A BSD disklabel of the whole disk.
    case bsd
    /// An Apple partition map.
    case apple
  }

  package struct Partition: Equatable {
    package var number: Int
    /// In bytes, as the table says: the partition may extend beyond the end of the disk.
    package var range: Range<UInt64>
    package var isExtended = false

    package init(number: Int, range: Range<UInt64>, isExtended: Bool = false) {
      self.number = number
      self.range = range
      self.isExtended = isExtended
    }

    /// In bytes.
    package var length: UInt64 { range.upperBound - range.lowerBound }
  }

  /// Something wrong with a table.
  package struct Damage: Equatable {
    /// A clause for a message.
    package var text: String
    /// Whether the map may be incomplete because of it.
    package var isLoss: Bool

    package init(text: String, isLoss: Bool) {
      self.text = text
      self.isLoss = isLoss
    }
  }

  package var kind = Kind.none
  package var partitions: [Partition] = []
  package var damage: [Damage] = []
  /// The areas that the table itself occupies; none for an MBR.
  package var areas: [DeviceArea] = []
  /// Whether the kernel's partitions are not real and this table replaces them: they come from an MBR that is there
  /// only for form.
  package var replacesKernels = false
  /// The database of a Windows dynamic disk (LDM), in bytes, unless it is in a partition of its own.
  package var dynamicDatabase: Range<UInt64>?

  package init(
    kind: Kind = Kind.none, partitions: [Partition] = [], damage: [Damage] = [], areas: [DeviceArea] = [],
    replacesKernels: Bool = false
  ) {
    self.kind = kind
    self.partitions = partitions
    self.damage = damage
    self.areas = areas
    self.replacesKernels = replacesKernels
  }

  /// Whether the partitions may be added to the kernel if it does not see them by itself.
  package var isForKernel: Bool { kind == .gpt || kind == .bsd || kind == .apple }

  /// Reads the partition table of a disk. If there is none, the result has no partitions.
  package static func read(_ bytes: TableBytes, _ sectorSize: SectorSize) -> DiskTable {
    let mbr = bytes.bytes(at: 0, count: MBRTable.size).flatMap { MBRTable($0) }
    var table: DiskTable
    if let label = BSDLabel.find(in: bytes, mbr) {
      table = label.table(mbr)
    } else if mbr.map({ $0.isProtective || $0.entries.isEmpty }) ?? true,
      let found = GPTTable.find(in: bytes, sectorSize, isProtected: mbr?.isProtective ?? false)
    {
      table = found
    } else if let mbr {
      table = mbr.table(bytes, sectorSize)
      table.dynamicDatabase = LDMHeader(bytes, mbr)?.database
    } else if let map = ApplePartitionMap(bytes) {
      table = map.table
    } else {
      return DiskTable()
    }
    table.addDamage(diskSize: bytes.size)
    return table
  }

  /// Reports partitions that extend beyond the end of the disk, and those that partly overlap. A partition inside
  /// another is normal in hybrid images. Overlaps in a BSD label are not reported, because labels have partitions
  /// for the whole disk.
  private mutating func addDamage(diskSize: UInt64) {
    let beyond = partitions.filter { $0.range.upperBound > diskSize }.map(\.number)
    if !beyond.isEmpty {
      damage.append(Damage(text: "\(Self.list(beyond)) beyond the disk's end", isLoss: true))
    }
    var overlapping: Set<Int> = []
    let sorted = partitions.filter { !$0.range.isEmpty }
      .sorted { ($0.range.lowerBound, $1.range.upperBound) < ($1.range.lowerBound, $0.range.upperBound) }
    // In this order, a partition inside another comes after it. Only partitions that have not ended yet can overlap.
    var open: [Partition] = []
    for partition in sorted where kind != .bsd {
      open.removeAll { $0.range.upperBound <= partition.range.lowerBound }
      for other in open where other.range.upperBound < partition.range.upperBound {
        overlapping.formUnion([other.number, partition.number])
      }
      open.append(partition)
    }
    if !overlapping.isEmpty {
      damage.append(Damage(text: "partitions \(Self.names(overlapping.sorted())) overlap", isLoss: false))
    }
  }

  private static func list(_ numbers: [Int]) -> String {
    numbers.count == 1 ? "partition \(numbers[0]) goes on" : "partitions \(names(numbers)) go on"
  }

  /// As many as fit on a line.
  private static func names(_ numbers: [Int]) -> String {
    var shown = numbers.prefix(8).map(String.init)
    let last = numbers.count > shown.count ? "\(numbers.count - shown.count) more" : shown.popLast() ?? ""
    return shown.isEmpty ? last : "\(shown.joined(separator: ", ")) and \(last)"
  }
}
