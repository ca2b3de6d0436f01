import BlockMap
import BlockStack
import Bytes
import Guestfs

/// A partition that the appliance's kernel has.
package struct KernelPartition: Equatable {
  package var number: Int
  /// The range on the disk, in bytes.
  package var range: Range<UInt64>

  /// Parses the output of the script that lists partitions.
  /// - Parameters:
  ///   - text: lines `LABEL NUMBER START SECTORS`, in sectors of 512 bytes.
  ///   - labels: the labels of the disks.
  /// - Returns: the partitions of each disk that has any, by its index among the labels.
  package static func list(parsing text: String, labels: [String]) -> [Int: [KernelPartition]] {
    var result: [Int: [KernelPartition]] = [:]
    for line in text.lines {
      let fields = line.fields
      guard fields.count == 4, let index = labels.firstIndex(where: { $0 == fields[0] }), let number = Int(fields[1]),
        let start = DeviceTableParser.bytes(sectors: fields[2]), let size = DeviceTableParser.bytes(sectors: fields[3]),
        size > 0
      else { continue }
      result[index, default: []].append(KernelPartition(number: number, range: start..<start + size))
    }
    return result.mapValues { $0.sorted { $0.number < $1.number } }
  }
}

/// The partitions of the disks: those that the appliance's kernel finds by itself, and those that it is given.
///
/// The kernel decides which partitions exist, so that the map matches what the appliance mounts. But it ignores
/// some tables that the guest's own kernel may use, or that can be recovered: a GUID partition table whose primary
/// copy is damaged, or whose disk is cut short, for example. The partitions of such a table are added with
/// addpart(8).
extension Guest {
  /// Reads the partitions of the disks, and adds to the kernel those of tables that it does not accept, for example
  /// because the first of two copies is damaged or the end of the disk is missing.
  package mutating func readPartitions() throws {
    partitions = try listPartitions()
    let plans = set.disks.compactMap { number -> PartitionPlan? in
      let plan = PartitionPlan(disk: number, guestDisks[number - 1], kernels: partitions[number] ?? [])
      return plan.isNeeded ? plan : nil
    }
    guard !plans.isEmpty else { return }
    let types = try typesOfDisks(plans.map(\.disk))
    var script = ""
    var used: [PartitionPlan] = []
    for plan in plans where plan.isMeant(whereTheDiskHolds: types[plan.disk] ?? "") {
      script += plan.script
      used.append(plan)
    }
    guard !used.isEmpty else { return }
    if !script.isEmpty {
      _ = try appliance.longShell("exec 2>/dev/null\n\(script)udevadm settle\ntrue")
      partitions = try listPartitions()
    }
    for plan in used { report(plan) }
  }

  /// Warns about a damaged table, once it is known which of its partitions the kernel has.
  private mutating func report(_ plan: PartitionPlan) {
    if !plan.added.isEmpty { tablesOfOurs.insert(plan.disk) }
    var damage = plan.table.damage
    let missing = plan.missing(in: partitions[plan.disk] ?? [])
    if !missing.isEmpty {
      let names = missing.prefix(8).map(String.init).joined(separator: ", ")
      damage.append(
        DiskTable.Damage(text: "of its partitions these are not mapped: \(names)", isLoss: true))
    }
    guard !damage.isEmpty else { return }
    if damage.contains(where: \.isLoss) { incomplete += 1 }
    reporter.warning(
      "\(shown(DiskName.of(plan.disk))): the partition table is damaged: "
        + damage.map(\.text).joined(separator: "; "))
  }

  /// Returns the partitions by disk number. udev in the appliance creates no name for some partitions, such as the
  /// whole-disk slice of a Sun label, so this creates the missing names.
  func listPartitions() throws -> [Int: [KernelPartition]] {
    let labels = set.disks.map { Appliance.path(ofDisk: $0) }
    let text = try appliance.longShell(
      """
      \(Self.settled)
      set -- \(labels.joined(separator: " "))
      readlink -f "$@" | while read -r d; do
        b=${d##*/}
        for p in /sys/class/block/$b/$b*; do
          [ -e $p/partition ] || continue
          read -r i <$p/partition; read -r s <$p/start; read -r n <$p/size
          echo "$1 $i $s $n"
          [ -e $1$i ] || ln -sf ../../${p##*/} $1$i
        done
        shift
      done
      """)
    let partitions = KernelPartition.list(parsing: String(decoding: text, as: UTF8.self), labels: labels)
    return Dictionary(uniqueKeysWithValues: partitions.map { (set.disks[$0], $1) })
  }

  /// Returns the blkid(8) type of each whole disk, by disk number.
  private func typesOfDisks(_ disks: [Int]) throws -> [Int: Substring] {
    let text = try appliance.longShell(
      disks.map { "echo \"\($0) $(blkid -p -o value -s TYPE \(Appliance.path(ofDisk: $0)) 2>/dev/null)\"" }
        .joined(separator: "\n") + "\ntrue")
    var types: [Int: Substring] = [:]
    for line in String(decoding: text, as: UTF8.self).lines {
      let fields = line.fields
      if fields.count == 2, let number = Int(fields[0]) { types[number] = fields[1] }
    }
    return types
  }

  /// Returns the partitions of md arrays, by the kernel's names.
  package func listStackedPartitions() throws(GuestfsError) -> [[UInt8]] {
    let names = try appliance.shell(
      """
      for p in /sys/class/block/md*/partition; do
        [ -e $p ] || continue
        p=${p%/partition}; echo /dev/${p##*/}
      done
      """)
    return names.split(separator: 0x0a).map(Array.init)
  }
}
