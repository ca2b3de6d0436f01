/// The bytes of a device, as the guest would read them.
package protocol DeviceBytes {
  /// The size of the device, in bytes.
  var size: UInt64 { get }

  /// Reads `count` bytes at an offset. Throws if they cannot be read, or if some are beyond the device's end.
  func bytes(at offset: UInt64, count: Int) throws -> [UInt8]
}
