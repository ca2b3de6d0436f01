import Appliance
import BlockMap
import BlockStack
import DiskImage

/// Adds partitions to the map.
struct PartitionMapper {
  let guest: Guest

  /// Adds the partitions of a disk.
  func addPartitions(of disk: [UInt8], number diskNumber: Int, to draft: inout MapDraft) {
    let table = guest.guestDisks[diskNumber - 1].table
    for known in guest.partitions[diskNumber] ?? [] {
      let partition = disk + Array(String(known.number).utf8)
      guest.reporter.message("examining \(shown(partition)) ...")
      draft.findings.partitions += 1
      let range = table.extent(of: known).clamped(to: 0..<guest.guestDisks[diskNumber - 1].size)
      draft.add(.partition, partition, [DeviceTable.Location(disk: diskNumber, range: range, offset: 0)])
    }
  }

  /// Adds the partitions of arrays, wherever they lie on the disks.
  func addStackedPartitions(to draft: inout MapDraft) {
    for partition in guest.inventory.stackedPartitions {
      guest.reporter.message("examining \(shown(partition)) ...")
      draft.findings.partitions += 1
      guard let number = guest.inventory.number(of: partition), let locations = guest.devices.locations(of: number),
        !locations.isEmpty
      else {
        guest.reporter.detail(
          "\(shown(partition)): it is in too many pieces or not supported, and is not in the map itself")
        continue
      }
      draft.add(.partition, partition, locations)
    }
  }
}

extension DiskTable {
  /// The range of a partition. The kernel truncates an extended partition to its first sectors, so that nobody writes
  /// to it.
  func extent(of known: KernelPartition) -> Range<UInt64> {
    partitions.first {
      $0.isExtended && $0.number == known.number && $0.range.lowerBound == known.range.lowerBound
        && $0.range.upperBound > known.range.upperBound
    }?.range ?? known.range
  }
}
