import BlockMap
import BlockStack
import Bytes

/// What a filesystem has in use but nothing in the map explains, once its files, its metadata and its free space are
/// in the map.
package struct UnnamedSpace {
  /// In bytes of the device, sorted.
  package private(set) var ranges: [Range<UInt64>]
  /// What was named. The offsets are those on the device.
  package private(set) var areas: [DeviceArea] = []

  /// - Parameter ranges: in bytes of the device, sorted. They do not overlap.
  package init(_ ranges: [Range<UInt64>]) { self.ranges = ranges }

  /// Names those parts of the space that any of the others covers.
  /// - Parameter others: in bytes of the device, in any order. They may overlap, and go beyond the space.
  mutating func name(_ name: String, _ others: [Range<UInt64>], kind: ObjectKind = .metadata) {
    let rest = ranges.subtracting(others.filter { !$0.isEmpty }.merged)
    for part in ranges.subtracting(rest) {
      areas.append(DeviceArea(kind: kind, name: name, range: part, offset: part.lowerBound))
    }
    ranges = rest
  }
}

/// A filesystem type that can name what is left of the space in use.
package protocol RestNaming: FilesystemType {
  /// Names what is in use but neither a file, nor a directory, nor one of the areas. Called only if all of these are
  /// in the map. Throws `SpaceError` if the filesystem's own tables cannot be understood, and other errors if the
  /// device cannot be read.
  func nameRest(of space: inout UnnamedSpace, on device: some DeviceBytes) throws
}
