import CGuestfs
import Glibc

/// What disks hold.
extension Guestfs {
  /// A partition's geometry, in bytes from the beginning of its disk.
  public struct Partition: Sendable {
    public var number: Int32
    public var range: Range<UInt64>
  }

  /// A filesystem, by the mountable that `mountReadOnly` takes and its type (`ext4`, `swap`, `unknown` …).
  public struct Filesystem: Sendable {
    public var mountable: [UInt8]
    public var type: [UInt8]

    public init(mountable: [UInt8], type: [UInt8]) {
      self.mountable = mountable
      self.type = type
    }
  }

  /// The partition table of one disk; throws if it has none.
  public func partitions(of device: [UInt8]) throws(GuestfsError) -> [Partition] {
    guard let list = with(device, guestfs_part_list) else { throw lastError }
    defer { guestfs_free_partition_list(list) }
    var result: [Partition] = []
    for index in 0..<Int(list.pointee.len) {
      let partition = list.pointee.val[index]
      let (end, overflow) = partition.part_start.addingReportingOverflow(partition.part_size)
      guard !overflow else { continue }
      result.append(Partition(number: partition.part_num, range: partition.part_start..<end))
    }
    return result
  }

  /// The LVM logical volumes, as `/dev/GROUP/VOLUME`.
  public func listLogicalVolumes() throws(GuestfsError) -> [[UInt8]] { try strings(call(guestfs_lvs)) }

  /// The md arrays that are running.
  public func listArrays() throws(GuestfsError) -> [[UInt8]] { try strings(call(guestfs_list_md_devices)) }

  /// The paths of the subvolumes of the Btrfs filesystem mounted by `mountReadOnly`, from its top, but for the one that is
  /// mounted where none is named.
  public func subvolumesOfRoot() throws(GuestfsError) -> [[UInt8]] {
    let mounted = call { guestfs_btrfs_subvolume_get_default($0, "/") }
    guard mounted >= 0, let list = call({ guestfs_btrfs_subvolume_list($0, "/") }) else { throw lastError }
    defer { guestfs_free_btrfssubvolume_list(list) }
    return (0..<Int(list.pointee.len)).compactMap { index in
      guard Int64(bitPattern: list.pointee.val[index].btrfssubvolume_id) != mounted else { return nil }
      return list.pointee.val[index].btrfssubvolume_path.map {
        Array(UnsafeRawBufferPointer(start: $0, count: strlen($0)))
      }
    }
  }

  /// Mounts on the appliance's `/sysroot`.
  public func mountReadOnly(_ mountable: [UInt8]) throws(GuestfsError) {
    try check(with(mountable) { guestfs_mount_ro($0, $1, "/") })
  }

  public func unmountAll() throws(GuestfsError) { try check(call(guestfs_umount_all)) }
}
