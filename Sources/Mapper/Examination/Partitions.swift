import Guestfs

/// The partitions of the guest's disks.
extension Examiner {
  mutating func examinePartitions(of disk: [UInt8], number diskNumber: Int) throws {
    let numbers = try partitionNumbers(ofDisk: diskNumber)
    // A disk without a partition table has no list of partitions, which is not an error.
    guard !numbers.isEmpty else { return }
    let table = try table(of: disk)
    for number in numbers {
      let partition = disk + Array(String(number).utf8)
      reporter.message("examining \(shown(partition)) ...")
      // A BSD disklabel is inside a partition, of which alone parted(8) knows.
      guard let range = try table?.first(where: { $0.number == number })?.range ?? kernelsRange(of: partition) else {
        continue
      }
      findings.partitions += 1
      add(.partition, partition, [DeviceTable.Place(disk: diskNumber, range: range, offset: 0)])
    }
  }

  /// Nil where parted(8) does not take the table: of partitions that overlap or go on behind the disk's end.
  private mutating func table(of disk: [UInt8]) throws -> [Guestfs.Partition]? {
    do {
      return try appliance.partitions(of: inAppliance(disk))
    } catch {
      try checkHelpers()
      findings.incomplete += 1
      reporter.warning(
        "\(shown(disk)): the partition table is damaged; its partitions are as the kernel sees them: \(error.firstLine)"
      )
      return nil
    }
  }

  /// Where the kernel has a partition, in bytes of its disk.
  private func kernelsRange(of partition: [UInt8]) throws -> Range<UInt64>? {
    let name = String(decoding: inAppliance(partition), as: UTF8.self)
    let text = try appliance.shell(
      "\(Self.settled); cd /sys/class/block/$(basename $(readlink -f \(name))) && cat start size")
    let numbers = String(decoding: text, as: UTF8.self).split(whereSeparator: \.isWhitespace)
      .compactMap { DeviceTableParser.bytes(sectors: $0) }
    guard numbers.count == 2, numbers[1] > 0 else { return nil }
    return numbers[0]..<numbers[0] + numbers[1]
  }
}
