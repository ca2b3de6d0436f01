@testable import Appliance
@testable import BlockStack

extension ParserFuzzer {
  /// Partition tables on a disk: MBR, GPT, BSD disklabels and Apple partition maps. A whole disk would be too large
  /// an input, so the input consists of the disk's size and pieces of it: the sector (of 512 bytes, counted from the
  /// end if the highest bit is set), the byte in the sector, the length, and the bytes.
  static let diskTable = ParserFuzzer("disk-table") { bytes in
    var input = FuzzNumbers(bytes)
    var disk = [UInt8](repeating: 0, count: (Int(input.byte()) + 1) << 10)
    let sectors = disk.count / 512
    while !input.isAtEnd {
      let number = Int(input.next(2))
      let sector = number & 0x7fff
      let offset = (number & 0x8000 == 0 ? sector % sectors : sectors - 1 - sector % sectors) * 512 + Int(input.byte())
      let piece = input.take(Int(input.next(2)) % 1024).prefix(max(0, disk.count - offset))
      disk.replaceSubrange(offset..<offset + piece.count, with: piece)
    }
    let table = TableBytes(disk)
    for sectorSize in Set(SectorSize.allCases + [SectorSize.detect(table, declared: nil)]) {
      let found = DiskTable.read(table, sectorSize)
      try check(found.partitions.allSatisfy { $0.number >= 0 }, "\(found.partitions)")
      try checkAreas(found.areas)
      let size = UInt64(disk.count)
      let plan = PartitionPlan(disk: 1, found, size: size, kernels: [KernelPartition(number: 1, range: 0..<512)])
      for kernels in [[], plan.added.map { KernelPartition(number: $0.number, range: $0.range) }] {
        let plan = PartitionPlan(disk: 1, found, size: size, kernels: kernels)
        try check(plan.added.allSatisfy { !$0.range.isEmpty && $0.range.upperBound <= size }, "\(plan.added)")
        _ = plan.script
        _ = plan.missing(in: kernels)
      }
    }
  }
}
