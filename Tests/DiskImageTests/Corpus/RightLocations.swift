import DiskImage
import SystemPackage
import Testing

extension VirtualDisk {
  func locations(in range: Range<UInt64>) throws -> [DiskLocation] {
    var found: [DiskLocation] = []
    try locations(in: range) { location in
      found.append(location)
      return true
    }
    return found
  }

  func locations(ofBytes stored: Range<UInt64>, in file: FilePath) throws -> [DiskLocation] {
    var found: [DiskLocation] = []
    try locations(ofBytes: stored, in: file) { location in
      found.append(location)
      return true
    }
    return found
  }
}

/// Rebuilds the disk from the locations of its bytes, using only file reads and zlib, and compares it with the
/// content it was created with. Also checks that the reverse lookup, from the files, finds the same locations.
func expectRightLocations(
  _ disk: any VirtualDisk, _ image: CorpusImage, _ bytes: ExpectedBytes, sourceLocation: SourceLocation
) throws {
  let locations = try disk.locations(in: 0..<disk.size)
  var position: UInt64 = 0
  for location in locations {
    #expect(
      location.range.lowerBound == position && !location.range.isEmpty, "\(image.name)", sourceLocation: sourceLocation)
    position = location.range.upperBound
  }
  #expect(position == disk.size, "\(image.name)", sourceLocation: sourceLocation)
  // A hole in a flat file still has an offset in the file.
  let states = locations.map { location in
    guard case .file = location.storage, image.hasFlatParts else {
      return [DiskExtent(range: location.range, state: location.state)]
    }
    return image.content.extents.cut(to: location.range).map {
      DiskExtent(range: $0.range, state: $0.state == .hole ? .hole : .data)
    }
  }
  let difference = Array(states.joined()).joined.difference(image.content.extents)
  #expect(difference == nil, "\(image.name): the locations' states", sourceLocation: sourceLocation)

  try bytes.forEach(image.ranges) { range, expected in
    var found: [UInt8] = []
    for location in try disk.locations(in: range) { found += try storedBytes(location) }
    #expect(equal(found, expected), "\(image.name): the locations of \(range)", sourceLocation: sourceLocation)
  }

  // Compare the reverse lookup of parts of a file with a scan of all locations.
  var random = Seeded(disk.size)
  let files = Set(locations.compactMap(\.file)).sorted { $0.string < $1.string }
  for file in files.prefix(3) {
    let length = try FileDescriptor.open(file, .readOnly).closeAfterLength()
    for _ in 0..<2 {
      let start = UInt64.random(in: 0..<length, using: &random)
      let part = start..<UInt64.random(in: start + 1...min(length, start + 300_000), using: &random)
      let found = try disk.locations(ofBytes: part, in: file)
      let expected = locations.compactMap { $0.cut(toBytes: part, of: file) }
      #expect(found == expected, "\(image.name): bytes \(part) of \(file)", sourceLocation: sourceLocation)
    }
  }
}

/// The bytes stored at a location.
private func storedBytes(_ location: DiskLocation) throws -> [UInt8] {
  switch location.storage {
  case .file(let file, let offset):
    return try read(offset..<(offset + UInt64(location.range.count)), of: file)
  case .compressed(let file, let range, let skipping):
    let grain = try inflated(read(range, of: file), count: 1 << 20)
    return Array(grain[Int(skipping)..<(Int(skipping) + location.range.count)])
  case .zero, .hole: return [UInt8](repeating: 0, count: location.range.count)
  case .unreadable: throw ToolFailure(description: "\(location.range) is unreadable")
  }
}

private func read(_ range: Range<UInt64>, of path: FilePath) throws -> [UInt8] {
  let file = try FileDescriptor.open(path, .readOnly)
  return try file.closeAfter { try file.bytes(at: range.lowerBound, count: range.count) }
}

extension FileDescriptor {
  /// Closes the file and returns its length in bytes.
  fileprivate func closeAfterLength() throws -> UInt64 { try closeAfter { UInt64(try seek(offset: 0, from: .end)) } }
}

extension DiskLocation {
  fileprivate var state: DiskExtent.State {
    switch storage {
    case .file, .compressed, .unreadable: .data
    case .zero: .zero
    case .hole: .hole
    }
  }

  fileprivate var file: FilePath? {
    switch storage {
    case .file(let file, _), .compressed(let file, _, _): file
    case .zero, .hole, .unreadable: nil
    }
  }

  /// The part of this range that is stored in a part of a file; all of it for a compressed grain.
  fileprivate func cut(toBytes part: Range<UInt64>, of other: FilePath) -> DiskLocation? {
    switch storage {
    case .file(other, let offset):
      let first = max(part.lowerBound, offset)
      let end = min(part.upperBound, offset + UInt64(range.count))
      guard first < end else { return nil }
      let start = range.lowerBound + first - offset
      return DiskLocation(range: start..<(start + end - first), storage: .file(other, offset: first))
    case .compressed(other, let stored, _): return stored.overlaps(part) ? self : nil
    default: return nil
    }
  }
}
