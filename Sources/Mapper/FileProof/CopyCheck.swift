import BlockMap
import BlockStack

/// Checks whether a map has every copy of what it has once.
package struct CopyCheck {
  package let table: DeviceTable
  /// The filesystem's address space, by its name in `table`.
  package let device: Substring

  package init(table: DeviceTable, device: Substring) {
    self.table = table
    self.device = device
  }

  /// - Parameters:
  ///   - ranges: all ranges of one file.
  ///   - isEncoded: whether the file is encoded, so that the offset of a range in the file says nothing.
  /// - Returns: what is wrong with the ranges; nil if nothing is.
  package func problem(of ranges: [MappedRange], isEncoded: Bool = false) -> String? {
    let cover = Cover(ranges, isEncoded: isEncoded)
    for range in ranges {
      let parts = table.parts(of: device, heldBy: range.range, ofDisk: Int(range.disk))
      let held = parts.reduce(0) { $0 &+ UInt64($1.range.count) }
      guard held >= UInt64(range.range.count) else {
        return "disk \(range.disk) at \(hex(range.range.lowerBound)) is not on the filesystem's device"
      }
      guard table.hasCopies else { continue }
      for part in parts {
        let offset = range.objectOffset &+ (part.onDisk &- range.range.lowerBound)
        for location in table.locations(of: part.range, on: device) ?? [] {
          guard let missing = cover.firstMissing(of: location, from: offset) else { continue }
          return "a copy is missing: disk \(location.disk) at \(hex(missing))"
        }
      }
    }
    return nil
  }
}
