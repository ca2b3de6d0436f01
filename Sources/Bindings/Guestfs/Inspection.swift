import CGuestfs
import Glibc

/// What disks hold.
extension Guestfs {
  /// A filesystem: its name in a map (`/dev/sda1`, `btrfsvol:/dev/sda1/home`), its type (`ext4`, `xfs` …), and how it is
  /// mounted.
  public struct Filesystem: Sendable {
    public var mountable: [UInt8]
    public var type: [UInt8]
    /// For mount(8), beside `ro`.
    public var options: [String] = []
    /// The type that mount(8) is told; nil where it finds out by itself.
    public var mountType: String?

    public init(mountable: [UInt8], type: [UInt8]) {
      self.mountable = mountable
      self.type = type
    }
  }

  /// The LVM logical volumes, as `/dev/GROUP/VOLUME`.
  public func listLogicalVolumes() throws(GuestfsError) -> [[UInt8]] { try strings(call(guestfs_lvs)) }

  /// The md arrays that are running.
  public func listArrays() throws(GuestfsError) -> [[UInt8]] { try strings(call(guestfs_list_md_devices)) }

  /// Mounts a device read-only on the appliance's `/sysroot`.
  /// - Parameters:
  ///   - options: for mount(8), beside `ro`.
  ///   - type: nil where mount(8) is to find out.
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
