import CGuestfs
import Glibc

/// The contents of disks.
extension Guestfs {
  /// A filesystem: its name in a map (`/dev/sda1`, `btrfsvol:/dev/sda1/home`), its type (`ext4`, `xfs` …), and how to
  /// mount it.
  public struct Filesystem: Sendable {
    public var mountable: [UInt8]
    public var type: [UInt8]
    /// Mount options in addition to `ro`; see mount(8).
    public var options: [String] = []
    /// The type to pass to mount(8). If nil, mount(8) detects it.
    public var mountType: String?

    public init(mountable: [UInt8], type: [UInt8]) {
      self.mountable = mountable
      self.type = type
    }
  }

  /// Lists the LVM logical volumes, as `/dev/GROUP/VOLUME`.
  public func listLogicalVolumes() throws(GuestfsError) -> [[UInt8]] { try strings(call(guestfs_lvs)) }

  /// Lists the md arrays that are running.
  public func listArrays() throws(GuestfsError) -> [[UInt8]] { try strings(call(guestfs_list_md_devices)) }

  /// Mounts a device read-only on the appliance's `/sysroot`.
  /// - Parameters:
  ///   - options: mount options in addition to `ro`; see mount(8).
  ///   - type: nil if mount(8) is to detect it.
  public func mount(_ device: [UInt8], options: [String] = [], type: String? = nil) throws(GuestfsError) {
    let list = Array((["ro"] + options).joined(separator: ",").utf8)
    let result = with(device) { handle, device in
      with(list) { _, list in
        guard let type else { return guestfs_mount_options(handle, list, device, "/") }
        return guestfs_mount_vfs(handle, list, type, device, "/")
      }
    }
    try check(result)
  }

  public func unmountAll() throws(GuestfsError) { try check(call(guestfs_umount_all)) }
}
