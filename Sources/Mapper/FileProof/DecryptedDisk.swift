import Appliance
import BlockStack
import DiskImage
import Glibc
import Guestfs
import Synchronization
import SystemPackage

extension Guest {
  /// Returns the disks, with decrypted data from the appliance wherever an encrypted device on them is open.
  package func decrypted(_ disks: [any VirtualDisk]) -> [any VirtualDisk] {
    let opened = openedDevices.compactMap { device in
      inventory.number(of: device.name).map { DecryptedDisk.Opened(name: inAppliance(device.name), number: $0) }
    }
    guard !opened.isEmpty else { return disks }
    let lock = ApplianceLock(appliance)
    return disks.enumerated().map { index, disk in
      DecryptedDisk(disk: disk, number: index + 1, opened: opened, table: devices, lock: lock)
    }
  }
}

/// The appliance, for the threads that compare files. The thread that owns it waits for them meanwhile.
private final class ApplianceLock: Sendable {
  private nonisolated(unsafe) let appliance: Guestfs
  private let lock = Mutex(())

  init(_ appliance: Guestfs) { self.appliance = appliance }

  func read(_ device: [UInt8], count: Int, at offset: UInt64) throws(GuestfsError) -> [UInt8] {
    try lock.withLock { (_) throws(GuestfsError) in try appliance.read(device, count: count, at: offset) }
  }
}

/// A disk of which some parts are read as the appliance decrypts them.
private struct DecryptedDisk: VirtualDisk {
  /// An encrypted device that is open.
  struct Opened {
    /// The name of the opened device in the appliance.
    package var name: [UInt8]
    /// The number of the opened device in `DeviceTable`.
    package var number: Substring
  }

  /// libguestfs's answers must be smaller than 4 MiB.
  private static let maximumBytes = 1 << 20

  let disk: any VirtualDisk
  let number: Int
  /// A device inside another comes after it.
  let opened: [Opened]
  let table: DeviceTable
  let lock: ApplianceLock

  var size: UInt64 { disk.size }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(DiskError) {
    try disk.read(into: buffer, at: offset)
    for device in opened {
      for part in table.parts(of: device.number, heldBy: offset..<offset + UInt64(buffer.count), ofDisk: number) {
        try read(part, of: device, into: UnsafeMutableRawBufferPointer(rebasing: buffer[Int(part.onDisk - offset)...]))
      }
    }
  }

  /// Reads a part of an opened device to the beginning of a buffer.
  private func read(
    _ part: DeviceTable.Part, of device: Opened, into buffer: UnsafeMutableRawBufferPointer
  ) throws(DiskError) {
    var done = 0
    while done < part.range.count {
      let count = min(part.range.count - done, Self.maximumBytes)
      let bytes: [UInt8]
      do {
        bytes = try lock.read(device.name, count: count, at: part.range.lowerBound + UInt64(done))
      } catch {
        throw DiskError(FilePath(bytes: device.name), error.firstLine, errno: EIO)
      }
      guard bytes.count == count else {
        throw DiskError(FilePath(bytes: device.name), "it ends early", errno: EIO)
      }
      UnsafeMutableRawBufferPointer(rebasing: buffer[done...]).copyBytes(from: bytes)
      done += count
    }
  }

  func extents(in range: Range<UInt64>, _ body: (DiskExtent) throws(DiskError) -> Bool) throws(DiskError) {
    try disk.extents(in: range, body)
  }

  func locations(in range: Range<UInt64>, _ body: (DiskLocation) throws(DiskError) -> Bool) throws(DiskError) {
    try disk.locations(in: range, body)
  }

  func close() { disk.close() }
}
