import BlockMap

/// What is left of a device besides what uses it.
package enum UnusedSpace {
  /// The parts of `whole` that none of the ranges covers, as unallocated space.
  /// - Parameters:
  ///   - whole: in bytes of the device.
  ///   - used: in bytes of the device, in any order. They may overlap, and go beyond `whole`.
  package static func areas(of whole: Range<UInt64>, without used: some Sequence<Range<UInt64>>) -> [DeviceArea] {
    var areas: [DeviceArea] = []
    var position = whole.lowerBound
    let parts = used.map { $0.clamped(to: whole) }.filter { !$0.isEmpty }
    for range in parts.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if range.lowerBound > position {
        areas.append(DeviceArea(kind: .unallocated, range: position..<range.lowerBound))
      }
      position = max(position, range.upperBound)
    }
    if position < whole.upperBound {
      areas.append(DeviceArea(kind: .unallocated, range: position..<whole.upperBound))
    }
    return areas
  }
}
