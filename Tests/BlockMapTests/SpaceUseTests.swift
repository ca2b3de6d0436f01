import SystemPackage
import Testing

@testable import BlockMap

@Suite struct SpaceUseTests {
  private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

  /// The totals equal those of a disk whose bytes are counted one by one.
  @Test func sweep() {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<200 {
      let sizes: [UInt64] = (0..<Int.random(in: 1...3, using: &random)).map { _ in .random(in: 0...200, using: &random)
      }
      let kinds = ObjectKind.known + [ObjectKind(rawValue: 0x7a) ?? .file]
      var ranges: [MappedRange] = []
      for (index, size) in sizes.enumerated() where size > 0 {
        for _ in 0..<Int.random(in: 0...20, using: &random) {
          let start = UInt64.random(in: 0..<size, using: &random)
          ranges.append(
            MappedRange(
              disk: UInt32(index + 1), range: start..<UInt64.random(in: start + 1...size, using: &random),
              objectOffset: 0, object: ObjectID(rawValue: UInt32(Int.random(in: kinds.indices, using: &random)))))
        }
      }
      ranges.sort { ($0.disk, $0.range.lowerBound) < ($1.disk, $1.range.lowerBound) }
      let totals = SpaceSweep.totals(of: ranges, sizes: sizes) { kinds[Int($0.rawValue)] }
      #expect(totals.count == sizes.count)
      for (index, size) in sizes.enumerated() {
        var expected = SpaceTotals()
        for byte in 0..<size {
          let uses = ranges.filter { $0.disk == index + 1 && $0.range.contains(byte) }
            .compactMap { SpaceUse(kinds[Int($0.object.rawValue)]) }
          expected[uses.min { $0.rawValue < $1.rawValue } ?? .unaccounted] += 1
        }
        #expect(totals[index] == expected)
      }
    }
  }

  @Test func summary() {
    var totals = SpaceTotals()
    #expect(totals.summary == "100.00 % of 0 bytes accounted for")
    totals[.files] = 261
    totals[.free] = 737
    totals[.unaccounted] = 2
    #expect(totals.summary == "99.80 % of 1000 bytes accounted for (files 26.1 %, free 73.7 %)")
    totals[.free] = UInt64.max - 263
    #expect(totals.size == .max)
    // A single byte of many is missing.
    #expect(totals.percentage(of: totals.accounted, digits: 2) == "99.99 %")
    #expect(totals.percentage(of: totals.size, digits: 2) == "100.00 %")
    #expect(totals.percentage(of: 0, digits: 1) == "0.0 %")
  }

  @Test func sumsSaturate() {
    var totals = SpaceTotals()
    totals[.files] = .max
    totals += totals
    #expect(totals[.files] == .max && totals.size == .max)
  }

  /// A map that is written says the same as one that is read.
  @Test func builder() throws {
    let scratch = try Scratch()
    var builder = BlockMapBuilder()
    builder.addDisk(DiskDescription(size: 1000, format: bytes("raw"), file: bytes("disk")))
    for (kind, path, range) in [
      (ObjectKind.disk, nil, 0..<1000), (.partition, nil, 100..<900), (.file, "/file", 200..<300),
      (.metadata, "table", 250..<400), (.unallocated, nil, 400..<600), (.unwritten, "/file", 590..<610),
    ] as [(ObjectKind, String?, Range<UInt64>)] {
      let id = builder.addObject(kind: kind, device: bytes("/dev/sda1"), path: path.map { bytes($0) })
      builder.addRange(of: try #require(id), disk: 1, range: range)
    }
    let totals = try builder.write(to: scratch.path.appending("map"))
    var expected = SpaceTotals()
    expected[.files] = 100
    expected[.metadata] = 100
    expected[.free] = 190
    expected[.unwritten] = 20
    expected[.unaccounted] = 590
    #expect(totals == expected)
  }
}
