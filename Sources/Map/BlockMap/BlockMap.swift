import SystemPackage

/// A block map in memory: which ranges of which disks belong to which objects.
public struct BlockMap: Sendable {
  /// The disks that the header describes, the first disk first. Empty for a map without a header.
  public let disks: [DiskDescription]
  /// What the guest's devices contain, from the header. Empty if the header does not say.
  public let devices: [DeviceDescription]
  /// The objects that the ranges refer to.
  public let objects: ObjectTable
  /// The ranges in the order of the format: by disk, start and end; for equal ranges, broader kinds come first.
  public let ranges: [MappedRange]
  /// Whether `objectOffset` is valid. The 2014 format, which has no header, does not record it.
  public let hasOffsets: Bool
  /// Whether something could not be examined when the map was made, so that something may be missing.
  public let isIncomplete: Bool

  /// Reads the map from the file `path`, which can be a pipe.
  ///
  /// A map without the header `# virt-bmap 2` is read as the 2014 format: five kinds, no offsets, names not escaped.
  /// The lines can be in any order. Throws `FILE: line N: reason` for the first line that does not follow the format,
  /// and `FILE: reason` if the file cannot be read.
  public init(contentsOf path: FilePath) throws(MapError) {
    var parser = MapParser(path: path)
    var source = try LineSource(path: path)
    while let lines = try source.next() {
      try parser.parse(lines)
    }
    let parsed = try parser.finish(endsInNewline: source.endsInNewline)
    self = parsed
  }

  init(
    disks: [DiskDescription], devices: [DeviceDescription] = [], objects: ObjectTable, ranges: [MappedRange],
    hasOffsets: Bool, isIncomplete: Bool = false
  ) {
    self.disks = disks
    self.devices = devices
    self.objects = objects
    self.ranges = ranges
    self.hasOffsets = hasOffsets
    self.isIncomplete = isIncomplete
  }

  /// The size of a disk in bytes, if the map records it. `disk` is 1 for the first.
  public func size(ofDisk disk: Int) -> UInt64? {
    disks.indices.contains(disk - 1) ? disks[disk - 1].size : nil
  }
}
