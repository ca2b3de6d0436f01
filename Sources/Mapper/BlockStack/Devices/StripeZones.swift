import Bytes

/// RAID 0 over devices of different sizes: after the smaller devices end, stripes continue on the others (md(4)).
package enum StripeZones {
  package struct Device: Equatable {
    package var leg: Target.Leg
    /// In chunks.
    package var size: UInt64
  }

  /// How chunks are distributed after the smaller devices end: as in Linux before 3.14, or as in 3.14 and later.
  package enum Layout: Int {
    case original = 1
    case alternate = 2
  }

  /// The zones of the array, each striped over the devices that are large enough.
  /// - Parameters:
  ///   - devices: the members of the array, in order.
  ///   - chunk: in bytes.
  ///   - size: size of the array, in bytes.
  /// - Returns: nil if the devices do not add up to this size.
  package static func segments(
    _ devices: [Device], _ layout: Layout, chunk: UInt64, size: UInt64
  ) -> [DeviceTable.Segment]? {
    var segments: [DeviceTable.Segment] = []
    /// How much of each device (`depth`) and of the array (`start`) the zones so far have, in chunks.
    var depth: UInt64 = 0
    var start: UInt64 = 0
    for end in Set(devices.map(\.size)).sorted() where end > depth {
      let legs = devices.filter { $0.size >= end }.map(\.leg)
      guard let length = (end - depth).times(UInt64(legs.count)), let next = start.plus(length),
        let from = start.times(chunk), let to = next.times(chunk), let offset = depth.times(chunk)
      else { return nil }
      // The original layout counts chunks from the start of the array, not of the zone.
      let first = layout == .original ? Int(start % UInt64(legs.count)) : 0
      let rotated = (legs[first...] + legs[..<first]).map { leg in
        leg.offset.plus(offset).map { Target.Leg(device: leg.device, offset: $0) }
      }
      guard !rotated.contains(nil) else { return nil }
      segments.append(DeviceTable.Segment(range: from..<to, target: .striped(chunk: chunk, rotated)))
      (depth, start) = (end, next)
    }
    return segments.last?.range.upperBound == size ? segments : nil
  }
}
