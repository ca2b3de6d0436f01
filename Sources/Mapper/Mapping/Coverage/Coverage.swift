import Appliance

/// Whether the known facts about a device explain its content.
enum Coverage: Equatable {
  /// The content is in the map, or is of a kind that has no names to map.
  case explained
  /// The map lacks the content. The text says why, and what to do.
  case unexplained(String)
  /// The map lacks the content if anything but zeros is found outside the first and last `margin` bytes of the
  /// device.
  case unexplainedIfFilled(String, margin: UInt64)
}

/// What is known about a device without reading it.
struct DeviceFacts {
  /// The names that blkid(8) has for the content of the device and for its partition table; empty if it finds none.
  var type: Substring = ""
  var tableType: Substring = ""
  /// Several types that blkid(8) found at once; the kernel mounts none of them.
  var candidates: [Substring] = []
  var partition: PartitionType?
  /// Whether the kernel sees partitions on the device or inside it.
  var hasPartitions = false
  /// Whether a running array, an active volume or an open encrypted device uses it.
  var isInUse = false
  /// Whether it was examined as a filesystem or has already been named in a warning.
  var isDone = false
  /// Whether LVM recognizes it as an intact physical volume.
  var isKnownToLVM = false

  /// Room for the partition table, and for what usually lies next to it, at the start and the end of a disk.
  private static let tableMargin: UInt64 = 1 << 20

  var coverage: Coverage {
    if isDone || isInUse { return .explained }
    guard type.isEmpty else { return coverageOfType }
    if !candidates.isEmpty {
      return .unexplained(
        "it looks like several things (\(candidates.joined(separator: ", "))), and the kernel mounts it as none of them; "
          + "wipefs(8) removes what does not belong there")
    }
    if hasPartitions || partition?.isExplained == true { return .explained }
    if partition == .dynamicDisk {
      return .unexplainedIfFilled(
        "it is part of a Windows dynamic disk (LDM) without any volume; if its group has other disks, give them all",
        margin: 0)
    }
    if !tableType.isEmpty {
      return .unexplainedIfFilled(
        "it has a partition table (\(tableType)) of which the kernel sees no partitions, and holds data",
        margin: Self.tableMargin)
    }
    return .unexplainedIfFilled(
      "it holds data of an unknown type, which is not mapped; if it belongs with other disks, give them all", margin: 0)
  }

  private var coverageOfType: Coverage {
    switch type {
    case "swap", "swsuspend", "jbd", "xfs_external_log", "DM_verity_hash": .explained
    case "LVM2_member" where isKnownToLVM: .explained
    // Given a whole disk, ZFS partitions it, and blkid(8) then finds ZFS on the disk, too.
    case "zfs_member" where hasPartitions: .explained
    default: .unexplained(UnassembledType.reason(type))
    }
  }
}

/// The types that blkid(8) recognizes but nothing assembles.
enum UnassembledType {
  private static let allDisks = "if it has other disks, give them all"

  /// Why the map does not cover the content of a device of this type, and what to do.
  static func reason(_ type: Substring) -> String {
    switch type {
    case "crypto_LUKS", "BitLocker": "it is encrypted, and its contents are not mapped; give its key (--key)"
    case "cs_fvault2":
      "it is encrypted in a way that virt-bmap cannot open, and its contents are not mapped; decrypt it first"
    case "LVM2_member", "LVM1_member": "LVM does not accept this physical volume; \(allDisks)"
    case "linux_raid_member": "its array is not running; \(allDisks)"
    case "zfs_member": "it is part of a ZFS pool, which the appliance cannot read"
    case "VMFS_volume_member", "VMFS":
      "it is part of an ESXi datastore, which the appliance cannot read; map the disks stored in it"
    case "bcache": "it is part of a bcache, which is not running: its data and its cache are needed together"
    case "drbd", "drbdmanage_control_volume", "drbdproxy_datalog": "it belongs to DRBD, which is not running"
    case "vdo", "stratis", "ubi", "ceph_bluestore", "mpool", "oracleasm":
      "it is part of a volume type that the appliance cannot assemble"
    case "DM_integrity": "it needs dm-integrity, which is not running"
    case "DM_snapshot_cow": "it holds the changes of a snapshot whose origin is missing"
    case _ where type.hasSuffix("_raid_member"): "it is part of an array that is not assembled; \(allDisks)"
    case _ where type.hasSuffix("_member"): "it is part of a volume that is not assembled; \(allDisks)"
    default: "it was not examined"
    }
  }
}
