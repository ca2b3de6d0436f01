import BlockMap

/// A part of a device that a filesystem, a volume or a partition table keeps for itself.
package struct DeviceArea: Equatable {
  package var kind = ObjectKind.metadata
  /// What it is called in the map; nil for a device that is one such area.
  package var name: String?
  /// Bytes of the device.
  package var range: Range<UInt64>
  /// Where in what has this name the range begins, in bytes.
  package var offset: UInt64 = 0
  /// The device, if it is not the one that was asked: Btrfs may be on several. As `DeviceTable` names it.
  package var device: Substring?

  package init(
    kind: ObjectKind = ObjectKind.metadata, name: String? = nil, range: Range<UInt64>, offset: UInt64 = 0,
    device: Substring? = nil
  ) {
    self.kind = kind
    self.name = name
    self.range = range
    self.offset = offset
    self.device = device
  }
}

extension [DeviceArea] {
  /// Adds an area of `count` bytes. Numbers come from the guest: one that does not fit adds nothing.
  package mutating func add(
    _ name: String, at start: UInt64?, count: UInt64, offset: UInt64? = 0, kind: ObjectKind = .metadata
  ) {
    guard let start, let offset, count > 0, !start.addingReportingOverflow(count).overflow else { return }
    append(DeviceArea(kind: kind, name: name, range: start..<start + count, offset: offset))
  }
}
