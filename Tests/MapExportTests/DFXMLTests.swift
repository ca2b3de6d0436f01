import BlockMap
import Foundation
import Subprocess
import Testing

@testable import MapExport

@Suite struct DFXMLTests {
  private func document(_ map: BlockMap) throws -> String {
    var output = Collected()
    try TextFormat.dfxml.write(ExportSource(map), to: &output)
    return try #require(String(validating: output.bytes, as: UTF8.self))
  }

  /// The elements are in the order that the schema prescribes: a sequence in each of them.
  @Test func structure() throws {
    let text = try document(try hostileMap())
    let elements = text.matches(of: #/<(/?[a-zA-Z:_]+)/#).map { String($0.1) }
    #expect(
      elements.prefix(19) == [
        "dfxml", "metadata", "dc:type", "/dc:type", "/metadata", "creator", "program", "/program", "version",
        "/version", "/creator", "source", "image_filename", "/image_filename", "/source", "volume", "partition_offset",
        "/partition_offset", "ftype_str",
      ])
    let file = [
      "fileobject", "filename", "/filename", "partition", "/partition", "name_type", "/name_type", "alloc", "/alloc",
      "byte_runs", "byte_run",
    ]
    for (index, element) in elements.enumerated() where element == "fileobject" {
      #expect(Array(elements[index..<index + file.count]) == file)
    }
    #expect(elements.count { $0 == "fileobject" } == 3 && elements.count { $0 == "volume" } == 1)
    #expect(elements.suffix(3) == ["/fileobject", "/volume", "/dfxml"])
  }

  @Test func volume() throws {
    let text = try document(try hostileMap())
    #expect(text.contains("<image_filename>a&lt;b c</image_filename>"))
    #expect(text.contains("<volume offset='4096' bmap:device='/dev/sda1' bmap:encrypted='yes'>"))
    #expect(text.contains("<ftype_str>e&lt;4</ftype_str>"))
    #expect(text.contains("<filename>.</filename>"))
  }

  @Test func names() throws {
    let text = try document(try hostileMap())
    let raw = try #require(text.firstMatch(of: #/<filename bmap:raw='([0-9a-f]+)'>(.*)</filename>/#))
    let bytes = stride(from: 0, to: raw.1.utf8.count, by: 2).map { index in
      let start = raw.1.utf8.index(raw.1.startIndex, offsetBy: index)
      return UInt8(raw.1[start..<raw.1.utf8.index(start, offsetBy: 2)], radix: 16)
    }
    #expect(bytes == hostilePath.dropFirst().map { $0 })
    #expect(
      raw.2
        == #"d/a&lt;b&gt;&amp;&quot;&apos;,c\012\015\033[31m\302\233\134\377\376\357\277\276\357\277\277é]]&gt;"#)
  }

  /// The first copy of each byte is in `byte_runs`, the rest beside it.
  @Test func copies() throws {
    let text = try document(try hostileMap())
    let twice = try #require(text.components(separatedBy: "<filename>twice").last).components(separatedBy: "</file")[1]
    let runs = twice.matches(of: #/<(byte_run|bmap:copies|/byte_runs) ?([^>]*)>/#).map { "\($0.1) \($0.2)" }
    #expect(
      runs == [
        "byte_run s", "byte_run file_offset='0' fs_offset='12288' img_offset='16384' len='8192'/", "/byte_runs ",
        "bmap:copies ", "byte_run file_offset='0' fs_offset='16384' img_offset='20480' len='8192'/",
        "byte_run file_offset='4096' fs_offset='8192' img_offset='12288' len='4096'/",
      ])
  }

  /// A range that overlaps the one before it is cut: its new bytes are in `byte_runs`.
  @Test func partlyOverlappingRanges() throws {
    let source = try map(
      "1 1000 3000 f /dev/sda1 /x\n1 5000 8000 f@1000 /dev/sda1 /x\n1 9000 a000 f@3000 /dev/sda1 /x\n"
        + "1 b000 d000 f@3000 /dev/sda1 /x")
    let runs = FileRuns(source.ranges, hasOffsets: true)
    func lines(_ ranges: [MappedRange]) -> [String] {
      ranges.map { "\($0.objectOffset >> 12): \($0.range.lowerBound >> 12)-\($0.range.upperBound >> 12)" }
    }
    #expect(lines(runs.first) == ["0: 1-3", "2: 6-8", "4: 12-13"])
    #expect(lines(runs.copies) == ["1: 5-6", "3: 9-10", "3: 11-12"])
  }

  /// The offset in a device that is in several pieces, and of a subvolume on it.
  @Test func offsetsInDevices() throws {
    let text = try document(
      try map(
        """
        1 0 10000 v /dev/sda
        1 1000 3000 l@2000 /dev/vg/a
        1 5000 7000 l /dev/vg/a
        1 2000 3000 f /dev/vg/a /x
        1 5000 6000 f /dev/vg/a /y
        1 6000 7000 f btrfsvol:/dev/vg/a/sub /z
        1 8000 9000 f /dev/vg/a /elsewhere
        """))
    for run in [
      "fs_offset='12288' img_offset='8192'", "fs_offset='0' img_offset='20480'", "fs_offset='4096' img_offset='24576'",
      "file_offset='0' img_offset='32768'",
    ] {
      #expect(text.contains(run), "\(run)")
    }
    #expect(text.contains("<volume bmap:device='/dev/vg/a'>"))
  }

  @Test func severalDisks() throws {
    let text = try document(
      try map(
        "1 0 1000 p /dev/sda1\n1 0 800 f /dev/sda1 /x\n2 0 1000 p /dev/sdb1\n2 0 800 f /dev/sdb1 /y",
        header: "# disk 1 size=100000 file=a\n# disk 2 size=1000 file=b\n"))
    #expect(text.contains("<image_filename>a</image_filename>\n    <image_filename>b</image_filename>"))
    #expect(text.contains("<volume offset='0' bmap:disk='2' bmap:device='/dev/sdb1'>"))
    #expect(text.contains("<partition>2</partition>") && text.contains("len='2048' bmap:disk='2'/>"))
  }

  @Test func isWellFormed() async throws {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).xml")
    defer { try? FileManager.default.removeItem(at: file) }
    try Data(try document(try hostileMap()).utf8).write(to: file)
    let result = try await Subprocess.run(
      .name("xmllint"), arguments: ["--noout", file.path], output: .discarded, error: .string(limit: 4096))
    #expect(result.terminationStatus.isSuccess, "\(result.standardError)")
  }
}
