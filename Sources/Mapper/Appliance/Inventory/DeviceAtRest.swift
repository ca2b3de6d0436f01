import BlockStack
import Bytes
import DiskImage
import Filesystems
import Guestfs

/// A device as it was before the appliance wrote to it.
struct DeviceAtRest: DeviceBytes {
  private let number: Substring
  private let table: DeviceTable
  private let disks: [Int: any VirtualDisk]
  let size: UInt64

  /// - Parameters:
  ///   - number: `MAJOR:MINOR`. No device below it may be encrypted.
  ///   - disks: the disks by their numbers, without what the appliance has written.
  init(_ number: Substring, of table: DeviceTable, on disks: [Int: any VirtualDisk]) {
    (self.number, self.table, self.disks) = (number, table, disks)
    size = table.size(of: number) ?? 0
  }

  func bytes(at offset: UInt64, count: Int) throws -> [UInt8] {
    guard count >= 0, let end = offset.plus(UInt64(count)), end <= size,
      let locations = table.locations(of: offset..<end, on: number)
    else { throw GuestfsError("a read beyond the device's end") }
    var result = [UInt8](repeating: 0, count: count)
    var missing = [offset..<end]
    for location in locations {
      guard let disk = disks[location.disk] else { continue }
      let length = location.range.upperBound - location.range.lowerBound
      try result.withUnsafeMutableBytes { bytes in
        let start = Int(location.offset)
        try disk.read(
          into: UnsafeMutableRawBufferPointer(rebasing: bytes[start..<start + Int(length)]),
          at: location.range.lowerBound)
      }
      let first = offset + location.offset
      missing = missing.subtracting([first..<first + length])
    }
    guard missing.isEmpty else { throw GuestfsError("a part of it is on no disk") }
    return result
  }
}
