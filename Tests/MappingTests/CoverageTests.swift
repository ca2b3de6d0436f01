import BlockMap
import Testing

@testable import Appliance
@testable import Mapping

/// Whether the facts about a device explain what is on it.
struct CoverageTests {
  private enum Expected: String {
    case explained, unexplained, ifFilled
  }

  private static func facts(
    _ type: Substring = "", table: Substring = "", _ change: (inout DeviceFacts) -> Void = { _ in }
  ) -> DeviceFacts {
    var facts = DeviceFacts(type: type, tableType: table)
    change(&facts)
    return facts
  }

  private static let cases: [(String, DeviceFacts, Expected)] = [
    ("nothing known", facts(), .ifFilled),
    ("examined", facts("xfs") { $0.isDone = true }, .explained),
    ("a filesystem that nobody examined", facts("xfs"), .unexplained),
    ("swap", facts("swap"), .explained),
    ("a hibernated guest", facts("swsuspend"), .explained),
    ("an external journal", facts("jbd"), .explained),
    ("a verity hash area", facts("DM_verity_hash"), .explained),
    ("a disk with partitions", facts(table: "gpt") { $0.hasPartitions = true }, .explained),
    ("a table without partitions", facts(table: "gpt"), .ifFilled),
    ("an extended partition", facts { $0.partition = .extended }, .explained),
    ("a boot loader's partition", facts { $0.partition = .reserved(.boot, "boot loader") }, .explained),
    ("a partition of any type", facts { $0.partition = .other }, .ifFilled),
    ("a partition of a dynamic disk", facts { $0.partition = .dynamicDisk }, .ifFilled),
    ("the same in use", facts { ($0.partition, $0.isInUse) = (.dynamicDisk, true) }, .explained),
    ("LUKS that is open", facts("crypto_LUKS") { $0.isInUse = true }, .explained),
    ("LUKS that is closed", facts("crypto_LUKS"), .unexplained),
    ("LUKS whose keys are wrong", facts("crypto_LUKS") { $0.isDone = true }, .explained),
    ("BitLocker", facts("BitLocker", table: "dos"), .unexplained),
    ("a physical volume in use", facts("LVM2_member") { $0.isInUse = true }, .explained),
    ("a physical volume that is free", facts("LVM2_member") { $0.isKnownToLVM = true }, .explained),
    ("a physical volume unknown to LVM", facts("LVM2_member"), .unexplained),
    ("a member of an array that runs", facts("linux_raid_member") { $0.isInUse = true }, .explained),
    ("a member of an array that does not", facts("linux_raid_member"), .unexplained),
    ("a firmware's array", facts("isw_raid_member") { $0.hasPartitions = true }, .unexplained),
    ("the same assembled", facts("isw_raid_member") { $0.isInUse = true }, .explained),
    ("ZFS on a partition", facts("zfs_member"), .unexplained),
    ("the disk of that partition", facts("zfs_member", table: "gpt") { $0.hasPartitions = true }, .explained),
    ("ESXi's datastore", facts("VMFS_volume_member"), .unexplained),
    ("bcache", facts("bcache"), .unexplained), ("VDO", facts("vdo"), .unexplained),
    ("DRBD", facts("drbd"), .unexplained),
    ("several things, none mounted", facts { $0.candidates = ["xfs", "iso9660"] }, .unexplained),
  ]

  @Test(arguments: cases.indices)
  func coverage(index: Int) {
    let (name, facts, expected) = Self.cases[index]
    let found: Expected =
      switch facts.coverage {
      case .explained: .explained
      case .unexplained: .unexplained
      case .unexplainedIfFilled: .ifFilled
      }
    #expect(found == expected, "\(name)")
  }

  /// Every type has a reason that fits it.
  @Test(arguments: [
    ("crypto_LUKS", "--key"), ("BitLocker", "--key"), ("cs_fvault2", "decrypt it first"), ("zfs_member", "ZFS"),
    ("LVM2_member", "LVM"),
    ("linux_raid_member", "its array is not running"), ("ddf_raid_member", "array"), ("nvidia_raid_member", "array"),
    ("VMFS_volume_member", "ESXi"), ("bcache", "bcache"), ("drbd", "DRBD"), ("some_member", "volume"),
  ])
  func reason(type: Substring, word: String) {
    #expect(UnassembledType.reason(type).contains(word))
  }

  @Test func aTableWithoutPartitionsHasItsOwnMargin() {
    guard case .unexplainedIfFilled(_, let margin) = Self.facts(table: "dos").coverage else {
      Issue.record("it is explained")
      return
    }
    // A GPT with the usual number of entries, with 4096-byte sectors.
    #expect(margin >= 6 * 4096)
    #expect(Self.facts().coverage != Self.facts(table: "dos").coverage)
  }

  @Test(arguments: [
    ("dos", "0x5", PartitionType.extended), ("dos", "0xf", .extended), ("dos", "0x85", .extended),
    ("dos", "0x41", .reserved(.boot, "boot loader")), ("dos", "0xee", .protective), ("dos", "0x42", .dynamicDisk),
    ("dos", "0x83", .other), ("dos", "0xef", .other),
    ("gpt", "21686148-6449-6e6f-744e-656564454649", .reserved(.boot, "boot loader")),
    ("gpt", "e3c9e316-0b5c-4db8-817d-f92df00215ae", .reserved(.metadata, "reserved")),
    ("mac", "Apple_Free", .free), ("mac", "Apple_Driver43", .reserved(.boot, "driver")),
    ("gpt", "af9b60a0-1431-4f62-bc68-3311714a69ad", .dynamicDisk),
    ("gpt", "0fc63daf-8483-4772-8e79-3d69d8477de4", .other),
    // In a BSD disklabel this number has another meaning.
    ("bsd", "0x5", .other), ("", "", nil),
  ])
  func partitionType(table: Substring, type: Substring, expected: PartitionType?) {
    #expect(PartitionType(table: table, type: type) == expected)
  }
}
