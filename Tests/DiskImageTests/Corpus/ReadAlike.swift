import DiskImage
import SystemPackage
import Testing

/// Checks that the other readers and this project read every image as the content it was created with.
///
/// Suites that call this must be serialized: every call runs its own Python process, with two readers at a time.
func expectReadAlike(
  _ images: [CorpusImage], _ workspace: Workspace, sourceLocation: SourceLocation = #_sourceLocation
) async throws {
  let expected = try images.enumerated().map { try ExpectedBytes($1, workspace, number: $0) }
  let answers = try await Oracles.read(images, expected)
  try #require(answers.count == images.count, sourceLocation: sourceLocation)
  for ((image, bytes), answer) in zip(zip(images, expected), answers) {
    for (reader, said) in answer.readers {
      #expect(said == "same", "\(image.name): \(reader)", sourceLocation: sourceLocation)
    }
    expectSameStates(answer.map, image, sourceLocation: sourceLocation)
    do {
      try expectReadRightly(image, bytes, sourceLocation: sourceLocation)
    } catch {
      Issue.record("\(image.name): \(error)", sourceLocation: sourceLocation)
    }
  }
}

/// Compares the output of qemu-img map for the ranges it was run for.
private func expectSameStates(_ map: [QemuImg.MapEntry], _ image: CorpusImage, sourceLocation: SourceLocation) {
  // qemu reports a hole in a flat extent as present, and so as zeros.
  func state(_ state: DiskExtent.State) -> DiskExtent.State { image.hasFlatParts && state == .zero ? .hole : state }
  let expected = image.content.extents
  for part in image.mapped {
    var theirs: [DiskExtent] = []
    for entry in map where entry.start < part.upperBound && entry.start + entry.length > part.lowerBound {
      let said: DiskExtent.State = !entry.zero ? .data : entry.present ? .zero : .hole
      theirs.append(DiskExtent(range: entry.start..<entry.start + entry.length, state: state(said)))
    }
    let ours = expected.cut(to: part).map { DiskExtent(range: $0.range, state: state($0.state)) }
    let difference = theirs.joined.difference(ours.joined)
    #expect(difference == nil, "\(image.name): qemu-img map of \(part)", sourceLocation: sourceLocation)
  }
}

/// Checks how this project reads an image.
private func expectReadRightly(_ image: CorpusImage, _ bytes: ExpectedBytes, sourceLocation: SourceLocation) throws {
  let opened = try openDisk(at: image.path, format: .vmdk)
  let disk = opened.disk
  defer { disk.close() }
  #expect(opened.warnings.count == (image.warning == nil ? 0 : 1), "\(image.name)", sourceLocation: sourceLocation)
  if let warning = image.warning, let said = opened.warnings.first {
    #expect(said.contains(warning), "\(image.name)", sourceLocation: sourceLocation)
  }
  #expect(disk.size == image.content.size, "\(image.name)", sourceLocation: sourceLocation)
  guard disk.size == image.content.size else { return }

  var random = Seeded(disk.size)
  try bytes.forEach(image.ranges) { range, expected in
    let whole = try disk.bytes(at: range.lowerBound, count: range.count)
    #expect(equal(whole, expected), "\(image.name): \(range)", sourceLocation: sourceLocation)
    // A read with random start and end.
    let start = Int.random(in: 0..<whole.count, using: &random)
    let end = Int.random(in: start...min(whole.count, start + 200_000), using: &random)
    let part = try disk.bytes(at: range.lowerBound + UInt64(start), count: end - start)
    #expect(
      equal(part, Array(expected[start..<end])), "\(image.name): \(start)..<\(end) of \(range)",
      sourceLocation: sourceLocation)
  }

  let expected = image.content.extents
  for part in [0..<disk.size] + image.ranges.prefix(6) {
    let extents = try disk.extents(in: part)
    expectWellFormed(extents, covering: part, sourceLocation: sourceLocation)
    let difference = extents.difference(expected.cut(to: part))
    #expect(difference == nil, "\(image.name): extents in \(part)", sourceLocation: sourceLocation)
  }
  try expectRightLocations(disk, image, bytes, sourceLocation: sourceLocation)
}

extension [DiskExtent] {
  /// The parts within `range`.
  func cut(to range: Range<UInt64>) -> [DiskExtent] {
    compactMap { extent in
      let part = extent.range.clamped(to: range)
      return part.isEmpty ? nil : DiskExtent(range: part, state: extent.state)
    }
  }

  /// The extents, with adjacent ones of the same state merged.
  var joined: [DiskExtent] {
    var joined: [DiskExtent] = []
    for extent in self {
      if let last = joined.last, last.state == extent.state, last.range.upperBound == extent.range.lowerBound {
        let range = last.range.lowerBound..<extent.range.upperBound
        joined[joined.count - 1] = DiskExtent(range: range, state: extent.state)
      } else {
        joined.append(extent)
      }
    }
    return joined
  }

  /// The first extent that is not in the other list, and what the other list has instead.
  func difference(_ expected: [DiskExtent]) -> String? {
    func text(_ extent: DiskExtent?) -> String { extent.map { "\($0.range) \($0.state)" } ?? "nothing" }
    for index in 0..<Swift.max(count, expected.count) {
      let ours = index < count ? self[index] : nil
      let theirs = index < expected.count ? expected[index] : nil
      if ours != theirs { return "\(text(ours)), expected \(text(theirs))" }
    }
    return nil
  }
}
