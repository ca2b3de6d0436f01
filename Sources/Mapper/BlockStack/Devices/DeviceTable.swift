import Bytes

/// The block devices as the appliance's kernel sees them, and what each is made of, down to the guest's disks.
///
/// A device is a disk or a list of segments, each with a `Target` that says how it lies on the devices below.
/// `locations` goes down from a device to the disks, and `parts` goes up from a disk to a device. Both return every
/// copy.
///
/// The tables come from an appliance that may be hostile: a device may be below itself, or many times below another.
/// So the depth is limited, and so are the number of pieces and the segments looked at.
package struct DeviceTable {
  /// A part of a device with a single target.
  package struct Segment: Equatable {
    /// Bytes of the device.
    package var range: Range<UInt64>
    package var target: Target

    package init(range: Range<UInt64>, target: Target) {
      self.range = range
      self.target = target
    }
  }

  /// A range of a disk, in bytes, that holds the bytes of a device from `offset` on.
  package struct Location: Equatable {
    /// The disk's number, from 1.
    package var disk: Int
    package var range: Range<UInt64>
    package var offset: UInt64

    package init(disk: Int, range: Range<UInt64>, offset: UInt64) {
      self.disk = disk
      self.range = range
      self.offset = offset
    }
  }

  /// Why a device cannot be followed.
  package struct Problem: Equatable {
    /// A clause for a message.
    package var reason: String
    /// Whether it is more than a kind of volume that is not supported.
    package var isGap: Bool

    package init(reason: String, isGap: Bool) {
      self.reason = reason
      self.isGap = isGap
    }
  }

  private enum Device {
    case disk(Int)
    case made(of: SegmentList)
    /// Not supported.
    case other
  }

  private var devices: [Substring: Device] = [:]
  private var problems: [Substring: Problem] = [:]
  /// The devices whose metadata says where their data is. They are followed once it was read, with `add`.
  package private(set) var metadataTargets: [Substring: MetadataTarget] = [:]
  /// The cached volumes of which the kernel says that no block is dirty. It may have written dirty blocks back itself.
  package private(set) var cleanCaches: Set<Substring> = []
  /// The names of the device mapper's devices.
  package private(set) var mapperNames: [Substring: Substring] = [:]
  /// In bytes.
  private var sizesOfMetadataTargets: [Substring: UInt64] = [:]
  /// In bytes. The sizes of all devices, as the kernel says.
  private var sizes: [Substring: UInt64] = [:]
  private var usedByArrays: [Substring: [Range<UInt64>]] = [:]
  private var partitions: Set<Substring> = []
  /// In bytes. A filesystem may claim to extend beyond the end of its disk.
  private var diskSizes: [Substring: UInt64] = [:]
  /// The devices that are made of each device.
  private var users: [Substring: [Substring]] = [:]
  /// Deeper than any real stack of volumes. A table that refers to itself ends here.
  private static let maximumDepth = 16

  package init(parsing text: String) {
    var parser = DeviceTableParser()
    for line in text.lines { parser.take(line.fields) }
    for (device, segments) in parser.finish() {
      devices[device] = segments.map { .made(of: SegmentList($0)) } ?? .other
    }
    for (device, number) in parser.disks {
      devices[device] = .disk(number)
      diskSizes[device] = parser.sizes[device]
    }
    partitions = parser.partitionNumbers
    (problems, usedByArrays) = (parser.problems, parser.usedByArrays)
    (metadataTargets, sizes, mapperNames) = (parser.metadataTargets, parser.sizes, parser.names)
    cleanCaches = parser.cleanCaches
    for (device, arrangement) in devices {
      if case .made(let segments) = arrangement { add(device, madeOf: segments.all) }
    }
  }

  /// The most pieces of one volume: a map has no room for more, because stripes are often no larger than 64 KiB.
  package static let maximumLocations: UInt64 = 1 << 20
  /// The most pieces of a range. No filesystem has an extent of so many stripes: 512 GiB, at 64 KiB each.
  private static let maximumPiecesOfRange: UInt64 = 1 << 23

  /// The most segments to look at for a range, more than any real stack of volumes needs. A hostile appliance may
  /// list one device many times below another.
  private static func maximumSteps(_ range: Range<UInt64>) -> UInt64 {
    min((range.upperBound - range.lowerBound) / 512, maximumPiecesOfRange) * 16 + 4096
  }

  /// Where all of the device `number` (`MAJOR:MINOR`) lies on the guest's disks, every copy, in the device's order;
  /// nil if that is unknown, if it is in more than `maximumLocations` pieces, or if the device is a disk itself.
  package func locations(of number: Substring) -> [Location]? {
    guard case .made = devices[number], let end = end(of: number) else { return nil }
    var known: [Substring: UInt64] = [:]
    guard pieces(of: number, depth: 0, &known) <= Self.maximumLocations else { return nil }
    return locations(of: 0..<end, on: number)
  }

  /// The offset of a device's end, in bytes; nil if unknown.
  package func end(of number: Substring) -> UInt64? {
    if let size = sizesOfMetadataTargets[number] { return size }
    guard case .made(let segments) = devices[number] else { return diskSizes[number] }
    return segments.end
  }

  /// The approximate number of pieces of a device.
  /// - Parameter known: the results so far. A hostile appliance may list one device many times below another, so
  ///   each is counted only once.
  private func pieces(of number: Substring, depth: Int, _ known: inout [Substring: UInt64]) -> UInt64 {
    if let pieces = known[number] { return pieces }
    guard depth < Self.maximumDepth, case .made(let segments) = devices[number] else { return 1 }
    var sum: UInt64 = 0
    for segment in segments.all {
      var maximum = segment.target.pieces(size: segment.range.upperBound - segment.range.lowerBound)
      for below in segment.target.devicesBelow {
        maximum = max(maximum, pieces(of: below, depth: depth + 1, &known))
      }
      sum = sum.plus(maximum) ?? .max
    }
    known[number] = sum
    return sum
  }

  /// Whether all volumes below the device are supported, so that its bytes can be located on the disks.
  package func isFollowed(_ number: Substring) -> Bool {
    var known: [Substring: Bool] = [:]
    return isFollowed(number, depth: 0, &known)
  }

  private func isFollowed(_ number: Substring, depth: Int, _ known: inout [Substring: Bool]) -> Bool {
    if let isFollowed = known[number] { return isFollowed }
    guard depth < Self.maximumDepth else { return false }
    let result: Bool
    switch devices[number] {
    case .disk: result = true
    case .made(let segments):
      result = segments.all.allSatisfy {
        $0.target.devicesBelow.allSatisfy { isFollowed($0, depth: depth + 1, &known) }
      }
    case .other, nil: result = false
    }
    known[number] = result
    return result
  }

  /// Where `range` (in bytes) of the device `number` lies on the guest's disks, every copy; nil if that is unknown
  /// or exceeds `maximumSteps` or `maximumPiecesOfRange`. Bytes beyond the device's end have no location.
  package func locations(of range: Range<UInt64>, on number: Substring) -> [Location]? {
    var locations: [Location] = []
    var steps = Self.maximumSteps(range)
    let isKnown = add(range, on: number, depth: 0, offset: 0, to: &locations, &steps)
    return isKnown ? locations : nil
  }

  /// The size of the parts in which `parts(holding:on:)` looks at a range, in bytes. Stripes are at least 4 KiB.
  private static let window: UInt64 = 4 << 30
  /// The most stripes to look at, which takes some seconds: 32 TiB at 512 KiB each.
  private static let maximumStripes = 1 << 26
  /// In stripes.
  private static let costOfWindow = 1024

  /// The parts of the disks that hold `range` of the device `number`, without offsets: stripes that touch on a disk
  /// are one part. Nil if they are unknown or more than `maximumLocations`.
  package func parts(holding range: Range<UInt64>, on number: Substring) -> [Location]? {
    let range = range.clamped(to: 0..<(end(of: number) ?? .max))
    var parts: [Location] = []
    var known: [Substring: UInt64] = [:]
    if pieces(of: number, depth: 0, &known) <= Self.maximumLocations { return locations(of: range, on: number)?.joined }
    // A window without any stripe takes time, too: the end of a device may be wrong.
    var stripes = 0
    var start = range.lowerBound
    while start < range.upperBound {
      let next = min(range.upperBound, start.plus(Self.window) ?? .max)
      guard let found = locations(of: start..<next, on: number) else { return nil }
      parts += found.joined
      stripes += found.count + Self.costOfWindow
      guard stripes <= Self.maximumStripes, parts.count <= Self.maximumLocations else { return nil }
      start = next
    }
    return parts.joined
  }

  /// The parts of the device `number` that a range of a disk holds.
  ///
  /// This is the reverse of `locations`: if there are several copies, each of them gives the same part. Parts beyond
  /// `maximumSteps` are left out.
  package func parts(of number: Substring, heldBy range: Range<UInt64>, ofDisk disk: Int) -> [Part] {
    guard let device = devices.first(where: { if case .disk(disk) = $0.value { true } else { false } })?.key else {
      return []
    }
    if device == number { return [Part(range: range, onDisk: range.lowerBound)] }
    var parts: [Part] = []
    var steps = Self.maximumSteps(range)
    climb(from: device, range, onDisk: range.lowerBound, to: number, depth: 0, into: &parts, &steps)
    return parts
  }

  /// A part of a device, and its offset on the disk.
  package struct Part: Equatable {
    /// Bytes of the device.
    package var range: Range<UInt64>
    /// Offset on the disk, in bytes.
    package var onDisk: UInt64
  }

  private func climb(
    from device: Substring, _ range: Range<UInt64>, onDisk: UInt64, to wanted: Substring, depth: Int,
    into parts: inout [Part], _ steps: inout UInt64
  ) {
    guard depth < Self.maximumDepth else { return }
    for upper in users[device, default: []] {
      guard case .made(let segments) = devices[upper] else { continue }
      for segment in segments.segments(on: device, range) {
        segment.target.forEachPart(on: device, range) { part, offset in
          // The leg's device may be larger than the segment.
          let size = segment.range.upperBound - segment.range.lowerBound
          let common = part.clamped(to: 0..<size)
          guard !common.isEmpty, steps > 0 else { return }
          steps -= 1
          let start = segment.range.lowerBound
          let disk = onDisk &+ (offset - range.lowerBound) &+ (common.lowerBound - part.lowerBound)
          let found = start + common.lowerBound..<start + common.upperBound
          if upper == wanted {
            parts.append(Part(range: found, onDisk: disk))
          } else {
            climb(from: upper, found, onDisk: disk, to: wanted, depth: depth + 1, into: &parts, &steps)
          }
        }
      }
    }
  }

  /// Whether a device, or any device below it, is one of these.
  package func isMade(of wanted: Set<Substring>, _ number: Substring) -> Bool {
    guard !wanted.isEmpty else { return false }
    var seen: Set<Substring> = []
    var left = [number]
    while let device = left.popLast() {
      guard seen.insert(device).inserted else { continue }
      if wanted.contains(device) { return true }
      if case .made(let segments) = devices[device] { left += segments.devicesBelow }
    }
    return false
  }

  /// Whether the device is a member of an array or a volume, so that its contents belong to that.
  package func isInVolume(_ number: Substring) -> Bool {
    users[number, default: []].contains { !partitions.contains($0) }
  }

  /// Whether the kernel sees partitions on the device.
  package func hasPartitions(_ number: Substring) -> Bool {
    users[number, default: []].contains { partitions.contains($0) }
  }

  /// The partitions that the kernel sees on the device, and their ranges of it, in bytes.
  package func partitions(on number: Substring) -> [(number: Substring, range: Range<UInt64>)] {
    users[number, default: []].filter { partitions.contains($0) }.compactMap { partition in
      guard case .made(let segments) = devices[partition], let segment = segments.all.first,
        case .linear(let leg) = segment.target, let end = leg.offset.plus(segment.range.upperBound)
      else { return nil }
      return (partition, leg.offset..<end)
    }
  }

  /// Why an array or a volume cannot be followed; nil if it can, or if a device below it cannot.
  package func problem(of number: Substring) -> Problem? { problems[number] }

  /// The parts of the device that hold data of running md arrays, in bytes. An array may lie on it or on devices that
  /// are parts of it.
  package func rangesOfArrays(on number: Substring) -> [Range<UInt64>] {
    let inside = users[number, default: []].flatMap { part -> [Range<UInt64>] in
      guard let used = usedByArrays[part], case .made(let segments) = devices[part], segments.all.count == 1,
        case .linear(let leg)? = segments.all.first?.target
      else { return [] }
      return used.compactMap { range in
        guard let end = leg.offset.plus(range.upperBound) else { return nil }
        return leg.offset &+ range.lowerBound..<end
      }
    }
    return usedByArrays[number, default: []] + inside
  }

  /// Whether the device is one of the guest's disks.
  package func isDisk(_ number: Substring) -> Bool { diskSizes[number] != nil }

  /// Whether any device is mirrored or RAID 10, so that it stores something more than once.
  package var hasCopies: Bool {
    devices.values.contains { device in
      guard case .made(let segments) = device else { return false }
      return segments.all.contains {
        switch $0.target {
        case .mirrored, .copied: true
        case .linear, .striped, .parity: false
        }
      }
    }
  }

  /// Adds a device `name` made of `segments`. A filesystem's own address space can be added as a device as well.
  package mutating func add(_ name: Substring, madeOf segments: [Segment]) {
    let list = SegmentList(segments)
    devices[name] = .made(of: list)
    for below in list.devicesBelow { users[below, default: []].append(name) }
  }

  /// Adds a device in `metadataTargets` once its metadata was read. What no segment covers is stored nowhere and reads
  /// as zeros.
  package mutating func addMetadataTarget(_ name: Substring, madeOf segments: [Segment]) {
    sizesOfMetadataTargets[name] = sizes[name]
    add(name, madeOf: segments)
  }

  /// Says that a device in `metadataTargets` cannot be followed.
  package mutating func add(_ problem: Problem, of name: Substring) { problems[name] = problem }

  /// The size of a device in bytes, whether it is followed or not.
  package func size(of number: Substring) -> UInt64? { sizes[number] }

  /// Where the parity of the device `number` is; empty if it has none, nil if it is in more than `maximumLocations`
  /// pieces.
  package func parity(of number: Substring) -> [Location]? {
    guard case .made(let segments) = devices[number] else { return [] }
    let striped = segments.all.filter { if case .parity = $0.target { true } else { false } }
    let pieces = striped.reduce(0) { $0 &+ $1.target.pieces(size: $1.range.upperBound - $1.range.lowerBound) }
    guard pieces <= Self.maximumLocations else { return nil }
    var locations: [Location] = []
    var steps = Self.maximumSteps(0..<Self.maximumPiecesOfRange * 512)
    for segment in striped {
      segment.target.forEachParity(size: segment.range.upperBound - segment.range.lowerBound) { piece in
        guard let end = piece.leg.offset.plus(piece.length) else { return }
        _ = add(
          piece.leg.offset..<end, on: piece.leg.device, depth: 1, offset: segment.range.lowerBound &+ piece.offset,
          to: &locations, &steps)
      }
    }
    return locations
  }

  /// Adds the locations of every copy of a part of a device.
  /// - Parameter offset: the `offset` that the first byte gets in its location.
  /// - Returns: false if a device below is unknown or not supported, or a limit is exceeded.
  private func add(
    _ wanted: Range<UInt64>, on device: Substring, depth: Int, offset: UInt64, to locations: inout [Location],
    _ steps: inout UInt64
  ) -> Bool {
    guard depth < Self.maximumDepth else { return false }
    switch devices[device] {
    case .disk(let number):
      let found = wanted.clamped(to: 0..<(diskSizes[device] ?? .max))
      if !found.isEmpty { append(Location(disk: number, range: found, offset: offset), to: &locations) }
      return true
    case .made(let segments):
      var isKnown = true
      for segment in segments.overlapping(wanted) {
        guard steps > 0 else { return false }
        steps -= 1
        let common = segment.range.clamped(to: wanted)
        let start = segment.range.lowerBound
        guard segment.target.pieces(size: common.upperBound - common.lowerBound) <= Self.maximumPiecesOfRange else {
          return false
        }
        segment.target.forEachPiece(of: common.lowerBound - start..<common.upperBound - start) { piece in
          let (end, overflow) = piece.leg.offset.addingReportingOverflow(piece.length)
          guard !overflow, isKnown else {
            isKnown = false
            return
          }
          isKnown = add(
            piece.leg.offset..<end, on: piece.leg.device, depth: depth + 1,
            offset: offset &+ (start &+ piece.offset &- wanted.lowerBound), to: &locations, &steps)
        }
      }
      return isKnown
    case .other, nil: return false
    }
  }

  private func append(_ location: Location, to locations: inout [Location]) {
    if let last = locations.last, last.disk == location.disk, last.range.upperBound == location.range.lowerBound,
      last.offset &+ (last.range.upperBound - last.range.lowerBound) == location.offset
    {
      locations[locations.count - 1].range = last.range.lowerBound..<location.range.upperBound
    } else {
      locations.append(location)
    }
  }
}

extension [DeviceTable.Location] {
  /// The same parts of the disks, without offsets, sorted and merged where they touch.
  package var joined: [DeviceTable.Location] {
    var result: [DeviceTable.Location] = []
    for location in sorted(by: { ($0.disk, $0.range.lowerBound) < ($1.disk, $1.range.lowerBound) }) {
      if let last = result.last, last.disk == location.disk, location.range.lowerBound <= last.range.upperBound {
        let end = Swift.max(last.range.upperBound, location.range.upperBound)
        result[result.count - 1].range = last.range.lowerBound..<end
      } else {
        result.append(DeviceTable.Location(disk: location.disk, range: location.range, offset: 0))
      }
    }
    return result
  }
}
