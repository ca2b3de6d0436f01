/// What of the guest the appliance sees, once everything that can be opened is open.
struct Inventory {
  var devices: [ProbedDevice] = []
  /// As `/dev/GROUP/VOLUME`, those that cannot be activated too.
  var logicalVolumes: [[UInt8]] = []
  var arrays: [[UInt8]] = []

  /// `MAJOR:MINOR`; nil if there is no such device.
  func number(of name: [UInt8]) -> Substring? { devices.first { $0.name == name }.map { $0.number[...] } }

  /// The same for the device under a mountable: `DEVICE` or `btrfsvol:DEVICE/SUBVOLUME`.
  func number(under mountable: [UInt8]) -> Substring? {
    let prefix = Array("btrfsvol:".utf8)
    guard mountable.starts(with: prefix) else { return number(of: mountable) }
    let rest = mountable.dropFirst(prefix.count)
    return devices.first { rest.starts(with: $0.name + [0x2f]) }.map { $0.number[...] }
  }
}
