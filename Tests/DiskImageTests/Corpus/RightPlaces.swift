import DiskImage
import SystemPackage
import Testing

extension VirtualDisk {
  func places(in range: Range<UInt64>) throws -> [DiskPlace] {
    var found: [DiskPlace] = []
    try places(in: range) { place in
      found.append(place)
      return true
    }
    return found
  }

  func places(ofBytes stored: Range<UInt64>, in file: FilePath) throws -> [DiskPlace] {
    var found: [DiskPlace] = []
    try places(ofBytes: stored, in: file) { place in
      found.append(place)
      return true
    }
    return found
  }
}

/// Rebuilds the disk from the locations of its bytes, using only file reads and zlib, and compares it with the
/// content it was created with. Also checks that the reverse lookup, from the files, finds the same locations.
func expectRightPlaces(
  _ disk: any VirtualDisk, _ image: CorpusImage, _ bytes: ExpectedBytes, sourceLocation: SourceLocation
) throws {
  let places = try disk.places(in: 0..<disk.size)
  var position: UInt64 = 0
  for place in places {
    #expect(place.range.lowerBound == position && !place.range.isEmpty, "\(image.name)", sourceLocation: sourceLocation)
    position = place.range.upperBound
  }
  #expect(position == disk.size, "\(image.name)", sourceLocation: sourceLocation)
  // A hole in a flat file still has an offset in the file.
  let states = places.map { place in
    guard case .file = place.storage, image.hasFlatParts else {
      return [DiskExtent(range: place.range, state: place.state)]
    }
    return image.content.extents.cut(to: place.range).map {
      DiskExtent(range: $0.range, state: $0.state == .hole ? .hole : .data)
    }
  }
  let difference = Array(states.joined()).joined.difference(image.content.extents)
  #expect(difference == nil, "\(image.name): the places' states", sourceLocation: sourceLocation)

  try bytes.forEach(image.ranges) { range, expected in
    var found: [UInt8] = []
    for place in try disk.places(in: range) { found += try storedBytes(place) }
    #expect(equal(found, expected), "\(image.name): the places of \(range)", sourceLocation: sourceLocation)
  }

  // Compare the reverse lookup of parts of a file with a scan of all locations.
  var random = Seeded(disk.size)
  let files = Set(places.compactMap(\.file)).sorted { $0.string < $1.string }
  for file in files.prefix(3) {
    let length = try FileDescriptor.open(file, .readOnly).closeAfterLength()
    for _ in 0..<2 {
      let start = UInt64.random(in: 0..<length, using: &random)
      let part = start..<UInt64.random(in: start + 1...min(length, start + 300_000), using: &random)
      let found = try disk.places(ofBytes: part, in: file)
      let expected = places.compactMap { $0.cut(toBytes: part, of: file) }
      #expect(found == expected, "\(image.name): bytes \(part) of \(file)", sourceLocation: sourceLocation)
    }
  }
}

/// The bytes stored at a location.
private func storedBytes(_ place: DiskPlace) throws -> [UInt8] {
  switch place.storage {
  case .file(let file, let offset):
    return try read(offset..<(offset + UInt64(place.range.count)), of: file)
  case .compressed(let file, let range, let skipping):
    let grain = try inflated(read(range, of: file), count: 1 << 20)
    return Array(grain[Int(skipping)..<(Int(skipping) + place.range.count)])
  case .zero, .hole: return [UInt8](repeating: 0, count: place.range.count)
  case .unreadable: throw ToolFailure(description: "\(place.range) is unreadable")
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

extension DiskPlace {
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
  fileprivate func cut(toBytes part: Range<UInt64>, of other: FilePath) -> DiskPlace? {
    switch storage {
    case .file(other, let offset):
      let first = max(part.lowerBound, offset)
      let end = min(part.upperBound, offset + UInt64(range.count))
      guard first < end else { return nil }
      let start = range.lowerBound + first - offset
      return DiskPlace(range: start..<(start + end - first), storage: .file(other, offset: first))
    case .compressed(other, let stored, _): return stored.overlaps(part) ? self : nil
    default: return nil
    }
  }
}
