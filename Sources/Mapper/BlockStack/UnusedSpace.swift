import BlockMap
import Bytes

/// What is left of a device besides what uses it.
package enum UnusedSpace {
  /// The parts of `whole` that none of the ranges covers, as unallocated space.
  /// - Parameters:
  ///   - whole: in bytes of the device.
  ///   - used: in bytes of the device, in any order. They may overlap, and go beyond `whole`.
  package static func areas(of whole: Range<UInt64>, without used: some Sequence<Range<UInt64>>) -> [DeviceArea] {
    [whole].subtracting(used.filter { !$0.isEmpty }.sorted { $0.lowerBound < $1.lowerBound }).map {
      DeviceArea(kind: .unallocated, range: $0)
    }
  }
}
