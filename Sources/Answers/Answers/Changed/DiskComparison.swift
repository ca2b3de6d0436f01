import Bytes
import DiskImage

/// Finds the sectors in which two disks differ.
package enum DiskComparison {
  /// Calls `body` with each range in which the bytes differ, in order.
  ///
  /// Parts that neither disk stores are not read.
  /// - Parameters:
  ///   - old: a disk of the same size as `new`.
  ///   - progress: called now and then with the fraction that is done. An error that it throws ends the comparison.
  /// - Throws: `DiskError`, and what `body` and `progress` throw.
  package static func forEachDifference(
    _ old: any VirtualDisk, _ new: any VirtualDisk, progress: (Double) throws -> Void = { _ in },
    _ body: (Range<UInt64>) throws -> Void
  ) throws {
    var bytes = StateBytes(old: old, new: new)
    for part in try stored(old, new) {
      var position = part.lowerBound
      while position < part.upperBound {
        let run = try bytes.run(position..<part.upperBound)
        if !run.isEqual { try body(position..<position + run.count) }
        position += run.count
        try progress(Double(position) / Double(new.size))
      }
    }
  }

  /// The parts that one of the disks stores, in order.
  private static func stored(_ old: any VirtualDisk, _ new: any VirtualDisk) throws -> [Range<UInt64>] {
    var parts: [Range<UInt64>] = []
    for disk in [old, new] {
      try disk.extents(in: 0..<disk.size) { extent in
        if extent.state == .data { parts.append(extent.range) }
        return true
      }
    }
    return parts.merged
  }
}
