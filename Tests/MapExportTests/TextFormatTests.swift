import BlockMap
import Foundation
import Testing

@testable import MapExport

@Suite struct TextFormatTests {
  private func text(_ format: TextFormat, _ source: ExportSource) throws -> String {
    var output = Collected()
    try format.write(source, to: &output)
    #expect(output.bytes.allSatisfy { $0 >= 0x20 || $0 == 0x0a || $0 == 0x0d })
    return try #require(String(validating: output.bytes, as: UTF8.self))
  }

  @Test func csv() throws {
    let lines = try text(.csv, ExportSource(hostileMap())).components(separatedBy: "\r\n")
    #expect(lines.count == 11 && lines[10] == "")
    #expect(lines[0] == "disk,start,end,kind,device,path,offset")
    #expect(lines[1] == "1,0,1048576,v,/dev/sda,,0")
    #expect(lines[5] == "1,12288,16384,f,/dev/sda1,/twice,4096")
    let quoted = hostileText.replacing("\"", with: "\"\"") + "\u{fffe}\u{ffff}é]]>"
    #expect(lines[9] == "1,36864,40960,f,/dev/sda1,\"\(quoted)\",0")
  }

  @Test func jsonLines() throws {
    let lines = try text(.jsonl, ExportSource(hostileMap())).split(separator: "\n")
    #expect(lines.count == 9)
    #expect(lines[0] == #"{"device":"/dev/sda","disk":1,"end":1048576,"kind":"v","offset":0,"start":0}"#)
    let last = try #require(
      try JSONSerialization.jsonObject(with: Data((lines.last ?? "").utf8)) as? [String: Any])
    #expect(last["path"] as? String == hostileText + "\u{fffe}\u{ffff}é]]>")
    #expect(last["start"] as? Int == 0x9000 && last["end"] as? Int == 0xa000)
  }

  /// A map in the 2014 format has no offsets, and does not invent any.
  @Test func noOffsets() throws {
    let source = ExportSource(try map(Array("1 0 1000 f /dev/sda1 /x\n".utf8)))
    #expect(try text(.csv, source).hasSuffix("1,0,4096,f,/dev/sda1,/x,\r\n"))
    #expect(
      try text(.jsonl, source) == #"{"device":"/dev/sda1","disk":1,"end":4096,"kind":"f","path":"/x","start":0}"# + "\n"
    )
    #expect(try text(.dfxml, source).contains("<byte_run img_offset='0' len='4096'/>"))
  }

  /// The largest numbers that a map may have.
  @Test func largeNumbers() throws {
    let source = ExportSource(
      try map(
        "1 fffffffffffffff0 ffffffffffffffff f@fffffffffffffff0 /dev/sda1 /x",
        header: "# disk 1 size=ffffffffffffffff\n"))
    #expect(
      try text(.csv, source).contains("1,18446744073709551600,18446744073709551615,f,/dev/sda1,/x,18446744073709551600")
    )
    #expect(try text(.dfxml, source).contains("file_offset='18446744073709551600' img_offset='18446744073709551600'"))
  }

  @Test func selections() throws {
    let two = try map(
      "1 0 1000 f /dev/sda1 /x\n1 1000 2000 d /dev/sda1 /\n2 0 1000 f /dev/sdb1 /y",
      header: "# disk 1 size=100000\n# disk 2 size=100000\n")
    let files = ObjectSelection(kinds: [.file])
    #expect(try text(.csv, ExportSource(two, selection: files)).split(separator: "\r\n").count == 3)
    #expect(try text(.jsonl, ExportSource(two, selection: files, disk: 2)).split(separator: "\n").count == 1)
    let dfxml = try text(.dfxml, ExportSource(two, selection: files, disk: 1))
    #expect(dfxml.contains(">x<") && !dfxml.contains(">y<") && !dfxml.contains(">.<"))
  }
}
