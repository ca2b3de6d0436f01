import SystemPackage

/// A block map in memory: which ranges of which disks belong to which objects.
public struct BlockMap: Sendable {
  /// The disks as the header describes them, the first disk first; empty for a map without a header.
  public let disks: [DiskDescription]
  /// What is on the guest's devices, as the header says; empty for a map that does not.
  public let devices: [DeviceDescription]
  /// The objects that the ranges refer to.
  public let objects: ObjectTable
  /// The ranges, in the order of the format: by disk, start and end; equal ones with broader kinds first.
  public let ranges: [MappedRange]
  /// Whether `objectOffset` means something: the 2014 format, which has no header, did not record it.
  public let hasOffsets: Bool

  /// Reads the map in the file `path`, which may be a pipe.
  ///
  /// A map without the header `# virt-bmap 2` is read as the 2014 format: five kinds, no offsets, names as they
  /// are. Lines may stand in any order. Throws `FILE: line N: reason` for the first line that is not as the
  /// format says, and `FILE: reason` if the file cannot be read.
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
    hasOffsets: Bool
  ) {
    self.disks = disks
    self.devices = devices
    self.objects = objects
    self.ranges = ranges
    self.hasOffsets = hasOffsets
  }

  /// The size of a disk in bytes, if the map says it. `disk` is 1 for the first.
  public func size(ofDisk disk: Int) -> UInt64? {
    disks.indices.contains(disk - 1) ? disks[disk - 1].size : nil
  }
}
