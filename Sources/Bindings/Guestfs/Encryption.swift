import CGuestfs
import Glibc

/// Encrypted devices and the volumes in them.
extension Guestfs {
  /// Opens a LUKS device as `/dev/mapper/NAME`. A key that contains a NUL is refused.
  public func openEncrypted(_ device: [UInt8], key: [UInt8], as name: String) throws(GuestfsError) {
    guard !key.contains(0) else { throw GuestfsError("the key has a NUL in it") }
    let result = with(device) { handle, device in
      with(key) { _, key in
        with(Array(name.utf8)) { _, name in
          var options = guestfs_cryptsetup_open_argv()
          return guestfs_cryptsetup_open_argv(handle, device, key, name, &options)
        }
      }
    }
    try check(result)
  }

  /// Finds the volume groups on the devices that exist now, and activates their volumes.
  public func activateVolumes() throws(GuestfsError) { try check(call { guestfs_lvm_scan($0, 1) }) }
}

extension Guestfs {
  /// Reads a part of a device.
  /// - Parameters:
  ///   - count: in bytes, below 4 MiB.
  ///   - offset: in bytes.
  /// - Returns: fewer bytes if the device ends earlier.
  public func read(_ device: [UInt8], count: Int, at offset: UInt64) throws(GuestfsError) -> [UInt8] {
    guard let count = Int32(exactly: count), let offset = Int64(exactly: offset) else {
      throw GuestfsError("a read beyond the device's end")
    }
    var length = 0
    let bytes = with(device) { guestfs_pread_device($0, $1, count, offset, &length) }
    guard let bytes else { throw lastError }
    defer { free(bytes) }
    return Array(UnsafeRawBufferPointer(start: bytes, count: length))
  }
}
