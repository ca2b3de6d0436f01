import BlockMap

/// A part of a device that a filesystem, a volume or a partition table uses for itself.
package struct DeviceArea: Equatable {
  package var kind = ObjectKind.metadata
  /// The area's name in the map; nil if the whole device is one area.
  package var name: String?
  /// In bytes of the device.
  package var range: Range<UInt64>
  /// Offset of `range` within what `name` stands for, in bytes.
  package var offset: UInt64 = 0
  /// The device, as `DeviceTable` names it; nil for the device being examined. Btrfs can span several devices.
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
  /// Adds an area of `count` bytes. The numbers come from the guest: an area that overflows or is empty is ignored.
  package mutating func add(
    _ name: String, at start: UInt64?, count: UInt64, offset: UInt64? = 0, kind: ObjectKind = .metadata
  ) {
    guard let start, let offset, count > 0, !start.addingReportingOverflow(count).overflow else { return }
    append(DeviceArea(kind: kind, name: name, range: start..<start + count, offset: offset))
  }

  /// Puts areas with the same name one after the other: the offset of each is the length of those before it. Without
  /// this they would be copies of each other.
  /// - Parameter isPart: whether areas with this name are parts of one object.
  package mutating func concatenate(where isPart: (String) -> Bool) {
    var ends: [String: UInt64] = [:]
    for index in indices {
      guard let name = self[index].name, isPart(name) else { continue }
      let length = self[index].range.upperBound - self[index].range.lowerBound
      let (end, overflow) = ends[name, default: 0].addingReportingOverflow(length)
      // Only the areas of a hostile filesystem are that long together.
      self[index].offset = overflow ? 0 : end - length
      ends[name] = overflow ? length : end
    }
  }
}
