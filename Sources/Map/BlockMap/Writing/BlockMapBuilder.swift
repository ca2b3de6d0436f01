import SystemPackage

/// Collects the objects and ranges of a map, in any order, and writes it.
///
/// It takes about 40 bytes per range, the same per object and per name; each name of a path is stored once. When a map
/// is becoming much larger than allowed, no more ranges are stored.
public struct BlockMapBuilder: Sendable {
  private var disks: [DiskDescription] = []
  private var devices: [DeviceDescription] = []
  var objects = CollectedObjects()
  private(set) var ranges: [MappedRange] = []
  /// The maximum size of the file in bytes.
  public let maximumBytes: UInt64
  /// The approximate size in bytes of the lines that were added.
  private var addedBytes: UInt64 = 0
  /// Whether something could not be examined, so that something may be missing from the map.
  public var isIncomplete = false
  private var lastObject: (id: ObjectID, bytes: UInt64)?

  /// The minimum length of a line in bytes.
  static let minimumLine: UInt64 = 12
  /// Ranges that continue each other are joined later. So up to this many times the allowed size is stored.
  private static let slack: UInt64 = 4

  /// - Parameter maximumBytes: the maximum size of the map.
  public init(maximumBytes: UInt64 = .max) { self.maximumBytes = maximumBytes }

  /// Whether the map is becoming too large to be written.
  public var isTooLarge: Bool { addedBytes / Self.slack > maximumBytes }

  /// How many different objects were added.
  public var objectCount: Int { objects.count }

  /// Adds the next disk and returns its number, 1 for the first.
  @discardableResult
  public mutating func addDisk(_ disk: DiskDescription) -> Int {
    disks.append(disk)
    return disks.count
  }

  /// Adds what is known about one of the guest's devices. A device is left out if its name or type is longer than
  /// `FormatLimits.deviceBytes`.
  public mutating func addDevice(_ device: DeviceDescription) {
    guard max(device.name.count, device.type.count) <= FormatLimits.deviceBytes, !device.name.isEmpty,
      devices.count < FormatLimits.devices
    else { return }
    devices.append(device)
  }

  /// Adds an object, or finds the one already added with the same kind, device and path.
  ///
  /// Returns nil if the path is longer than `FormatLimits.pathBytes`, if the device's name is longer than
  /// `FormatLimits.deviceBytes`, or if there are too many objects or devices. Then the object cannot be in a map.
  public mutating func addObject(
    kind: ObjectKind, device: UnsafeRawBufferPointer, path: UnsafeRawBufferPointer?
  ) -> ObjectID? {
    guard let path else { return objects.intern(kind: kind, device: device, path: nil) }
    guard let node = objects.paths.intern(path: path) else { return nil }
    return objects.intern(kind: kind, device: device, path: node)
  }

  /// The path of a name in a directory. Without a directory, the name is what comes before the first slash of the path.
  /// Nil if the path is longer than `FormatLimits.pathBytes`.
  public mutating func path(_ name: [UInt8], in directory: MapPath? = nil) -> MapPath? {
    name.withUnsafeBytes { objects.paths.intern($0, in: directory?.node ?? PathTree.top) }.map { MapPath(node: $0) }
  }

  /// The same for a path that need not be assembled into bytes.
  public mutating func addObject(kind: ObjectKind, device: [UInt8], at path: MapPath) -> ObjectID? {
    device.withUnsafeBytes { objects.intern(kind: kind, device: $0, path: path.node) }
  }

  /// The same with names in arrays.
  public mutating func addObject(kind: ObjectKind, device: [UInt8], path: [UInt8]? = nil) -> ObjectID? {
    device.withUnsafeBytes { device in
      guard let path else { return addObject(kind: kind, device: device, path: nil) }
      return path.withUnsafeBytes { addObject(kind: kind, device: device, path: $0) }
    }
  }

  /// Adds a range of an object: `range` of disk number `disk` contains the object's bytes from `objectOffset` on.
  ///
  /// An empty range is ignored. Ranges of one object that continue, repeat or overlap each other at the same distance
  /// on the disk and in the object are joined when the map is written. What lies beyond the end of its disk is then
  /// left out, because a reader would refuse the map.
  public mutating func addRange(of object: ObjectID, disk: Int, range: Range<UInt64>, objectOffset: UInt64 = 0) {
    guard !range.isEmpty, let disk = UInt32(exactly: disk) else { return }
    // A reader would refuse it.
    guard !objectOffset.addingReportingOverflow(range.upperBound - range.lowerBound).overflow else { return }
    let new = MappedRange(disk: disk, range: range, objectOffset: objectOffset, object: object)
    // The walker reads a file in consecutive pieces, so this keeps the array as small as the map.
    if let last = ranges.last, let joined = last.joined(with: new) {
      ranges[ranges.count - 1] = joined
    } else if !isTooLarge {
      ranges.append(new)
      addedBytes &+= bytes(of: object)
    }
  }

  /// The minimum length of a line about an object, in bytes.
  private mutating func bytes(of object: ObjectID) -> UInt64 {
    if let lastObject, lastObject.id == object { return lastObject.bytes }
    let bytes = minimumBytes(of: object)
    lastObject = (object, bytes)
    return bytes
  }

  private func minimumBytes(of object: ObjectID) -> UInt64 {
    let path = objects.path(of: object).map { objects.paths.length(of: $0) + 1 } ?? 0
    return Self.minimumLine + UInt64(objects.deviceLength(of: object) + path)
  }

  /// Writes the map to `path`, completely or not at all (see `AtomicFile`).
  ///
  /// `isCancelled` is called every few thousand lines. If it returns true, `MapError.cancelled` is thrown and the
  /// target is unchanged. A map larger than `maximumBytes` throws `MapError.tooLarge`. All other errors name the file and
  /// what failed.
  /// - Returns: what the bytes of all disks are used for, according to the map.
  @discardableResult
  public mutating func write(
    to path: FilePath, isCancelled: () -> Bool = { false }
  ) throws(MapError) -> SpaceTotals {
    guard disks.count <= Int(FormatLimits.disks) else {
      throw .file(path, "a map holds at most \(FormatLimits.disks) disks, not \(disks.count)")
    }
    guard ranges.count <= FormatLimits.entries else {
      throw .file(path, "a map holds at most \(FormatLimits.entries) ranges, not \(ranges.count)")
    }
    guard !isTooLarge else { throw .tooLarge(maximumBytes) }
    arrange()
    if isCancelled() { throw .cancelled }
    guard maximumBytes == .max || ranges.reduce(0, { $0 &+ minimumBytes(of: $1.object) }) <= maximumBytes else {
      throw .tooLarge(maximumBytes)
    }
    var writer = try MapWriter(path: path, maximumBytes: maximumBytes)
    try writer.writeHeader(disks, devices, isIncomplete: isIncomplete)
    for (count, range) in ranges.enumerated() {
      if count & 0xfff == 0, isCancelled() { throw .cancelled }
      try writer.write(range, objects)
    }
    let totals = SpaceSweep.totals(of: ranges, sizes: disks.map(\.size), kind: objects.kind)
    if isCancelled() { throw .cancelled }
    try writer.commit()
    return totals.reduce(into: SpaceTotals(), +=)
  }

  /// Puts the ranges into the order of the map, joins them as far as possible, and limits them to their disks.
  private mutating func arrange() {
    clip()
    ranges.sort { a, b in
      if a.object != b.object { return a.object.rawValue < b.object.rawValue }
      if a.disk != b.disk { return a.disk < b.disk }
      // Ranges that continue each other on the disk and in the object have the same difference of the two offsets.
      let (lineA, lineB) = (a.objectOffset &- a.range.lowerBound, b.objectOffset &- b.range.lowerBound)
      if lineA != lineB { return lineA < lineB }
      return a.range.lowerBound < b.range.lowerBound
    }
    var kept = 0
    for next in ranges.indices {
      if kept > 0, let joined = ranges[kept - 1].joined(with: ranges[next]) {
        ranges[kept - 1] = joined
      } else {
        ranges[kept] = ranges[next]
        kept += 1
      }
    }
    ranges.removeSubrange(kept...)
    ranges.sort { [objects] in RangeOrder.precedes($0, $1, objects) }
  }

  private mutating func clip() {
    ranges.removeAll { range in
      range.disk < 1 || Int(range.disk) > disks.count
        || range.range.lowerBound >= disks[Int(range.disk) - 1].size
    }
    for index in ranges.indices {
      let size = disks[Int(ranges[index].disk) - 1].size
      if ranges[index].range.upperBound > size {
        ranges[index].range = ranges[index].range.lowerBound..<size
      }
    }
  }
}

/// A path in a map that is being built. Only the builder that created it can use it.
public struct MapPath: Hashable, Sendable {
  let node: UInt32
}

extension MappedRange {
  /// Both ranges as one, if they belong to one object and continue or overlap each other in the same way on the disk
  /// and in the object. `next` must not begin before `self`.
  fileprivate func joined(with next: MappedRange) -> MappedRange? {
    guard object == next.object, disk == next.disk,
      next.range.lowerBound >= range.lowerBound, next.range.lowerBound <= range.upperBound,
      next.objectOffset &- next.range.lowerBound == objectOffset &- range.lowerBound
    else { return nil }
    var joined = self
    joined.range = range.lowerBound..<max(range.upperBound, next.range.upperBound)
    return joined
  }
}
