/// What is on a device of the guest, as a map's header line says it: `# device NAME type=TYPE [encrypted=yes]`.
public struct DeviceDescription: Hashable, Sendable {
  /// As libguestfs names it, such as `/dev/sda1`; bytes as they are, not escaped.
  public var name: [UInt8]
  /// blkid(8)'s name for what is on it, such as `ext4`, `swap` or `LVM2_member`; empty where it knows nothing.
  public var type: [UInt8]
  /// Whether the bytes on the disks are not those that are read from the device.
  public var isEncrypted: Bool

  public init(name: [UInt8], type: [UInt8], isEncrypted: Bool) {
    self.name = name
    self.type = type
    self.isEncrypted = isEncrypted
  }

  /// Whether a filesystem is on the device.
  public var holdsFilesystem: Bool { Self.isFilesystem(String(decoding: type, as: UTF8.self)) }

  /// Whether what blkid(8) calls so is a filesystem.
  public static func isFilesystem(_ type: some StringProtocol) -> Bool {
    switch type {
    case "", "swap", "swsuspend": false
    // Encrypted.
    case "crypto_LUKS", "BitLocker", "cs_fvault2": false
    // What filesystems and volumes keep elsewhere: journals and checksums.
    case "jbd", "xfs_external_log", "DM_verity_hash", "DM_integrity", "DM_snapshot_cow": false
    // What volumes are made of.
    case "bcache", "ceph_bluestore", "drbd", "drbdmanage_control_volume", "drbdproxy_datalog", "mpool", "oracleasm":
      false
    case "stratis", "ubi", "vdo": false
    default: !type.hasSuffix("_member")
    }
  }
}
