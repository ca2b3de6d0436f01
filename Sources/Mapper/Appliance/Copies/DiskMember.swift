/// A part of something that may be on several disks: of an array, a volume group or a Btrfs filesystem; or an encrypted
/// device, which is a whole by itself.
package struct DiskMember: Equatable, Sendable {
  /// What the appliance tells members apart by: those with the same are copies of each other.
  package struct Identity: Hashable, Sendable {
    package var kind: Kind
    /// Its UUID, or that of the whole and what tells the part from others.
    package var id: String
  }

  /// The raw value is blkid(8)'s name.
  package enum Kind: String, Sendable {
    case array = "linux_raid_member"
    case lvm = "LVM2_member"
    case luks = "crypto_LUKS"
    case btrfs

    /// For a message.
    package var description: String {
      switch self {
      case .array: "a device of an md array"
      case .lvm: "an LVM physical volume"
      case .luks: "an encrypted device"
      case .btrfs: "a device of a Btrfs filesystem"
      }
    }
  }

  /// The number of the disk that it is on.
  package var disk: Int
  /// As the map names it.
  package var name: [UInt8]
  package var identity: Identity
  /// What it is a part of.
  package var whole: String
  /// A number or a time that all members of a whole count up together; empty if that is not known. Members of two copies
  /// that were used since have different ones.
  package var state = ""
}
