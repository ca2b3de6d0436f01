import BlockMap

/// A part of a device that a filesystem, a volume or a partition table keeps for itself.
struct DeviceArea: Equatable {
  var kind = ObjectKind.metadata
  /// What it is called in the map; nil for a device that is one such area.
  var name: String?
  /// Bytes of the device.
  var range: Range<UInt64>
  /// Where in what has this name the range begins, in bytes.
  var offset: UInt64 = 0
  /// The device, if it is not the one that was asked: Btrfs may be on several. As `DeviceTable` names it.
  var device: Substring?
}

extension [DeviceArea] {
  /// Adds an area of `count` bytes. Numbers come from the guest: one that does not fit adds nothing.
  mutating func add(
    _ name: String, at start: UInt64?, count: UInt64, offset: UInt64? = 0, kind: ObjectKind = .metadata
  ) {
    guard let start, let offset, count > 0, !start.addingReportingOverflow(count).overflow else { return }
    append(DeviceArea(kind: kind, name: name, range: start..<start + count, offset: offset))
  }
}

extension UInt64 {
  /// The product, nil if it is too large.
  func times(_ other: UInt64) -> UInt64? {
    let (product, overflow) = multipliedReportingOverflow(by: other)
    return overflow ? nil : product
  }

  /// The sum, nil if it is too large.
  func plus(_ other: UInt64) -> UInt64? {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? nil : sum
  }
}
