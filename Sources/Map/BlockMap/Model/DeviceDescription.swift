/// The contents of a guest device, from a header line of the map: `# device NAME type=TYPE [encrypted=yes]`.
public struct DeviceDescription: Hashable, Sendable {
  /// libguestfs's name, such as `/dev/sda1`, not escaped.
  public var name: [UInt8]
  /// blkid(8)'s name for the contents, such as `ext4`, `swap` or `LVM2_member`. Empty if blkid does not know them.
  public var type: [UInt8]
  /// Whether the bytes on the disks differ from those that are read from the device.
  public var isEncrypted: Bool

  public init(name: [UInt8], type: [UInt8], isEncrypted: Bool) {
    self.name = name
    self.type = type
    self.isEncrypted = isEncrypted
  }

  /// Whether the device contains a filesystem.
  public var holdsFilesystem: Bool { Self.isFilesystem(String(decoding: type, as: UTF8.self)) }

  /// Whether this blkid(8) type is a filesystem.
  public static func isFilesystem(_ type: some StringProtocol) -> Bool {
    switch type {
    case "", "swap", "swsuspend": false
    // Encrypted.
    case "crypto_LUKS", "BitLocker", "cs_fvault2": false
    // Data that filesystems and volumes keep elsewhere: journals and checksums.
    case "jbd", "xfs_external_log", "DM_verity_hash", "DM_integrity", "DM_snapshot_cow": false
    // Parts of volumes.
    case "bcache", "ceph_bluestore", "drbd", "drbdmanage_control_volume", "drbdproxy_datalog", "mpool", "oracleasm":
      false
    case "stratis", "ubi", "vdo": false
    default: !type.hasSuffix("_member")
    }
  }
}
