/// The guest's devices in the appliance, once everything that can be opened is open.
package struct Inventory {
  package var devices: [ProbedDevice] = []
  /// The logical volumes as `/dev/GROUP/VOLUME`, including those that cannot be activated.
  package var logicalVolumes: [[UInt8]] = []
  package var arrays: [[UInt8]] = []
  /// The partitions of arrays, by the kernel's names: `/dev/md127p1`.
  package var stackedPartitions: [[UInt8]] = []
  /// Devices whose names contain bytes that must not be passed to a shell.
  package var unusable: [[UInt8]] = []

  /// Returns a device's number, `MAJOR:MINOR`, or nil if there is no such device.
  package func number(of name: [UInt8]) -> Substring? { devices.first { $0.name == name }.map { $0.number[...] } }

  /// Returns the number of the device under a mountable: `DEVICE` or `btrfsvol:DEVICE/SUBVOLUME`.
  package func number(under mountable: [UInt8]) -> Substring? { device(under: mountable).map { $0.number[...] } }

  package func device(under mountable: [UInt8]) -> ProbedDevice? {
    let prefix = Array("btrfsvol:".utf8)
    guard mountable.starts(with: prefix) else { return devices.first { $0.name == mountable } }
    let rest = mountable.dropFirst(prefix.count)
    return devices.first { rest.starts(with: $0.name + [0x2f]) }
  }

  /// Returns the journal device of an ext3 or ext4 filesystem that has an external journal.
  package func journal(of device: ProbedDevice) -> ProbedDevice? {
    guard !device.journal.isEmpty else { return nil }
    return devices.first { $0.type == "jbd" && $0.uuid == device.journal }
  }

  /// Returns the disk or array that a partition is on.
  package func whole(of partition: ProbedDevice) -> ProbedDevice? {
    var name = partition.name[...]
    while name.last.map({ (0x30...0x39).contains($0) }) ?? false { name.removeLast() }
    // `/dev/md127p1`
    return devices.first { $0.name.elementsEqual(name) } ?? devices.first { name.elementsEqual($0.name + [0x70]) }
  }
}
