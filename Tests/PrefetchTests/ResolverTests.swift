import BlockMap
import Foundation
import Prefetch
import SystemPackage
import Testing

struct ResolverTests {
  /// A file in two extents, which is on two disks, and a directory.
  private static let map = """
    # virt-bmap 2
    # disk 1 size=1048576 format=raw file=a
    # disk 2 size=1048576 format=raw file=b
    1 0 100000 v /dev/sda
    2 0 100000 v /dev/sdb
    1 1000 3000 f /dev/sda1 /file
    1 8000 9000 f@2000 /dev/sda1 /file
    2 1000 3000 f /dev/sda1 /file
    2 8000 9000 f@2000 /dev/sda1 /file
    1 5000 6000 d /dev/sda1 /dir

    """

  private func resolve(_ lines: [String]) throws -> (ranges: [String], missing: Int) {
    let map = try TemporaryMap.parse(Self.map)
    var resolver = PrefetchResolver(map)
    var ranges: [String] = []
    let emit = { (part: PrefetchPart) in
      ranges.append(
        "\(part.disk) \(String(part.range.lowerBound, radix: 16)) \(String(part.range.upperBound, radix: 16))")
    }
    for line in lines { resolver.add(try PrefetchList.Line(line.utf8), emit) }
    resolver.finish(emit)
    return (ranges, resolver.missing)
  }

  @Test func copiesAndExtents() throws {
    let (ranges, missing) = try resolve([
      "1000 2800 f /dev/sda1 /file", "0 1000 d /dev/sda1 /dir", "0 1000 f /dev/sda1 /other",
      "0 100000 f /dev/sda1 /file", "ffffffff00000000 ffffffffffffffff f /dev/sda1 /file",
    ])
    #expect(
      ranges == [
        "1 2000 3000", "2 2000 3000", "1 8000 8800", "2 8000 8800", "1 5000 6000", "1 1000 2000", "2 1000 2000",
        "1 8800 9000", "2 8800 9000",
      ])
    #expect(missing == 1)
  }
}

/// A map made of its text.
enum TemporaryMap {
  static func parse(_ text: String) throws -> BlockMap {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("prefetch-\(UUID().uuidString).bmap")
    defer { try? FileManager.default.removeItem(at: file) }
    try text.write(to: file, atomically: false, encoding: .utf8)
    return try BlockMap(contentsOf: FilePath(file.path))
  }
}
