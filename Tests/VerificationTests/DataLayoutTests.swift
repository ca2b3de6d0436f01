import BlockMap
import Testing

@testable import FileProof
@testable import Verification

/// Which parts of a sparse file are read for verification.
@Suite struct DataLayoutTests {
  @Test func whatTheToolSays() {
    let two = DataLayout(parsing: ["0 7", "16 31", "8 15", "800 1599", "found"], size: 500_000)
    #expect(two?.parts == [0..<16384, 409_600..<500_000])
    #expect(two?.bytes == 16384 + 90_400)
    #expect(DataLayout(parsing: ["found"], size: 1 << 40)?.parts == [])
    // Past the end of the file: preallocated blocks.
    #expect(DataLayout(parsing: ["800 1599", "found"], size: 100)?.parts == [])
    // The answer is missing, incomplete or makes no sense.
    #expect(DataLayout(parsing: [], size: 100) == nil)
    #expect(DataLayout(parsing: ["0 7"], size: 100) == nil)
    #expect(DataLayout(parsing: ["7 0", "found"], size: 100) == nil)
    #expect(DataLayout(parsing: ["0 99999999999999999999", "found"], size: 100) == nil)
    #expect(DataLayout(parsing: ["0 18446744073709551615", "found"], size: 100) == nil)
  }

  /// A file has more extents than are asked for: everything after the last one reported is read.
  @Test func moreExtentsThanAnybodyAsksFor() throws {
    let lines = (0..<DataLayout.maximumExtents).map { "\($0 * 16) \($0 * 16 + 7)"[...] }
    let layout = try #require(DataLayout(parsing: lines, size: 1 << 40))
    #expect(layout.parts.last?.upperBound == 1 << 40 && layout.parts.count <= DataLayout.maximumParts)
    for number in stride(from: UInt64(0), to: UInt64(lines.count), by: 999) {
      #expect(layout.parts.contains { $0.contains(number * 8192) })
    }
  }

  /// With too many extents, the smallest holes are read as well; only the largest are skipped.
  @Test func theSmallestHolesAreRead() {
    let extents = (0..<10_000).map { number -> Range<UInt64> in
      let start = UInt64(number) << 20 + UInt64(number / 5000) << 40
      return start..<start + 4096
    }
    let layout = DataLayout(extents.shuffled())
    #expect(layout.parts.count == DataLayout.maximumParts)
    for extent in extents { #expect(layout.parts.contains { $0.contains(extent.lowerBound) }) }
    #expect(layout.bytes < 10_000 << 20)
    #expect(zip(layout.parts, layout.parts.dropFirst()).allSatisfy { $0.upperBound < $1.lowerBound })
  }

  /// A file that would take too long to read is skipped, whatever size its inode claims.
  @Test func whatIsBeyondReach() {
    func file(_ size: UInt64, _ allocated: UInt64) -> FilesystemWork.File {
      FilesystemWork.File(size: size, allocated: allocated, inode: 1)
    }
    func isBeyond(_ size: UInt64, _ allocated: UInt64, _ layout: DataLayout? = nil) -> Bool {
      SparseFiles.isBeyondReach(file(size, allocated), layout, maximumBytes: 10 << 30)
    }
    #expect(!isBeyond(1 << 50, 0, DataLayout([0..<4096])))
    #expect(isBeyond(1 << 50, 0, DataLayout([0..<11 << 30])))
    #expect(!isBeyond(8 << 30, 8 << 30) && !isBeyond(4 << 30, 0) && isBeyond(5 << 30, 0))
    // More is allocated than the disks can hold.
    #expect(isBeyond(1 << 50, 1 << 50))
  }

  @Test func whatIsReadInOneGo() {
    let part = DataLayout([0..<200 << 20])
    let scattered = DataLayout((0..<3000).map { UInt64($0) << 20..<UInt64($0) << 20 + 1 })
    let groups = SparseFiles.groups(
      [(0, part), (1, part), (2, scattered), (3, scattered), (4, nil), (5, nil)], bytes: { UInt64($0) << 25 })
    #expect(groups.map { $0.map(\.file) } == [[0], [1, 2], [3, 4], [5]])
  }
}
