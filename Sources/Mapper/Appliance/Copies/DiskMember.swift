/// A part of something that can span several disks: an array, a volume group or a Btrfs filesystem. Or an encrypted
/// device, which is a whole by itself.
package struct DiskMember: Equatable, Sendable {
  /// What the appliance identifies a member by. Members with the same identity are copies of each other.
  package struct Identity: Hashable, Sendable {
    package var kind: Kind
    /// The UUID of the member, or the UUID of the whole and whatever distinguishes the member within it.
    package var id: String
  }

  /// The kind of member. The raw value is the type that blkid(8) prints.
  package enum Kind: String, Sendable {
    case array = "linux_raid_member"
    case lvm = "LVM2_member"
    case luks = "crypto_LUKS"
    case btrfs

    /// The description for messages.
    package var description: String {
      switch self {
      case .array: "a device of an md array"
      case .lvm: "an LVM physical volume"
      case .luks: "an encrypted device"
      case .btrfs: "a device of a Btrfs filesystem"
      }
    }
  }

  /// The number of the disk that it is on, 1 for the guest's first disk.
  package var disk: Int
  /// The name in the map.
  package var name: [UInt8]
  package var identity: Identity
  /// The UUID or the name of the whole that it is part of.
  package var whole: String
  /// A number or a time that all members of a whole count up together; empty if not known. If two copies were both
  /// used after the copy was made, their members differ in it.
  package var state = ""
}
