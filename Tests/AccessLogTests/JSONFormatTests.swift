import BlockMap
import Glibc
import SystemPackage
import Testing

@testable import AccessLog

struct JSONFormatTests {
  private func lines(_ map: String, _ events: [AccessEvent], _ selection: ObjectSelection = ObjectSelection()) throws
    -> [String]
  {
    var log = FormattedLog(JSONFormat(), try index(map), selection)
    var output: [UInt8] = []
    for event in events { log.append(event, to: &output) }
    log.endLine(in: &output)
    let text = String(decoding: output, as: UTF8.self)
    #expect(text.isEmpty || text.hasSuffix("\n"))
    return text.split(separator: "\n").map(String.init)
  }

  @Test func aLineARequest() throws {
    let map = "1 0 2000 v /dev/sda\n1 1000 2000 f@10 /dev/sda1 /a\n1 1000 1800 f /dev/sda1 /b"
    #expect(
      try lines(map, [read(0xf00..<0x1900), read(0x5000..<0x5001, errno: EIO), read(7..<7)]) == [
        #"{"time":12.345678,"op":"read","disk":1,"connection":3,"offset":3840,"length":2560,"result":"ok","#
          + #""latency":98.7,"pieces":["#
          + #"{"offset":3840,"length":256,"objects":[{"kind":"v","device":"/dev/sda","offset":3840}]},"#
          + #"{"offset":4096,"length":2048,"objects":[{"kind":"f","device":"/dev/sda1","path":"/b","offset":0},"#
          + #"{"kind":"f","device":"/dev/sda1","path":"/a","offset":16},"#
          + #"{"kind":"v","device":"/dev/sda","offset":4096}]},"#
          + #"{"offset":6144,"length":256,"objects":[{"kind":"f","device":"/dev/sda1","path":"/a","offset":2064},"#
          + #"{"kind":"v","device":"/dev/sda","offset":6144}]}]}"#,
        #"{"time":12.345678,"op":"read","disk":1,"connection":3,"offset":20480,"length":1,"result":"EIO","#
          + #""latency":98.7,"pieces":[{"offset":20480,"length":1,"objects":[]}]}"#,
        #"{"time":12.345678,"op":"read","disk":1,"connection":3,"offset":7,"length":0,"result":"ok","#
          + #""latency":98.7,"pieces":[]}"#,
      ])
  }

  @Test func namesOfAnyBytesAreText() throws {
    let map = "1 0 1000 f /dev/a\\040b /c \"d\\012e\\134f\\377\\303\\251\\302\\205"
    let line = try #require(try lines(map, [read(0..<1)]).first)
    #expect(line.contains(#""device":"/dev/a\\040b","path":"/c \"d\\012e\\134f\\377é\\302\\205""#), "\(line)")
  }

  /// Terminals need more characters escaped than RFC 8259 requires.
  @Test func noControlCharacterIsLeft() {
    var text: [UInt8] = []
    JSONText.append(text: "a\u{1b}[31m\u{7f}\u{80}\u{9b}\u{9f}\u{a0}é\n", to: &text)
    let expected = #""a\u001b[31m\u007f\u0080\u009b\u009f"# + "\u{a0}é" + #"\u000a""#
    #expect(String(decoding: text, as: UTF8.self) == expected)
    // JSON written by another library, which escapes only what it must.
    let others = JSONText.printable((#"{"a":"\u001b"# + "\u{7f}\u{9b}ü" + #"\n"}"#).utf8)
    #expect(String(decoding: others, as: UTF8.self) == #"{"a":"\u001b\u007f\u009bü\n"}"#)
  }

  @Test func boundsHowManyObjectsItLists() throws {
    let map = (0..<100).map { "1 0 1000 f /dev/sda1 /name\($0)" }.joined(separator: "\n")
    let line = try #require(try lines(map, [read(0..<1)]).first)
    #expect(line.split(separator: #"{"kind":"f""#).count == MapIndex.ownersListed + 1)
    #expect(line.hasSuffix(#"],"more":36}]}"#))
  }

  @Test func keepsThePiecesAskedFor() throws {
    let map = "1 0 4000 v /dev/sda\n1 1000 2000 f /dev/sda1 /a\n1 2000 3000 d /dev/sda1 /d"
    let kept = try lines(map, [read(0..<0x4000), read(0..<0x800)], ObjectSelection(kinds: [.file]))
    #expect(kept.count == 1)
    #expect(kept.first?.contains(#""pieces":[{"offset":4096,"length":4096,"objects":[{"kind":"f","#) == true)
    var paths = ObjectSelection()
    paths.setPattern(Array("/[a-c]".utf8))
    #expect(try lines(map, [read(0..<0x4000), read(0x2000..<0x2001)], paths).count == 1)
  }

  @Test func marksWhatIsStale() throws {
    let kept = try lines(
      "1 0 2000 f /dev/sda1 /a", [event(.write, 0x400..<0x600), read(0..<0x1000), event(.flush, 0..<0)])
    #expect(kept.count == 3)
    #expect(kept[0].contains(#""op":"write""#) && !kept[0].contains("stale"))
    let object = #""objects":[{"kind":"f","device":"/dev/sda1","path":"/a","offset":"#
    #expect(
      kept[1].hasSuffix(
        #"[{"offset":0,"length":1024,\#(object)0}]},{"offset":1024,"length":512,\#(object)1024}],"stale":true},"#
          + #"{"offset":1536,"length":2560,\#(object)1536}]}]}"#), "\(kept[1])")
    #expect(kept[2].contains(#""op":"flush","disk":1,"connection":3,"offset":0,"length":0,"#))
  }

  @Test func saysWhatWasLost() throws {
    var output: [UInt8] = []
    JSONFormat().appendLoss(of: 12, because: "No \"space\"\n", to: &output)
    #expect(String(decoding: output, as: UTF8.self) == #"{"lost":12,"reason":"No \"space\"\u000a"}"# + "\n")
  }
}

/// How one request is logged if the map has a very large number of ranges for it.
struct LargeRequestTests {
  /// Thousands of overlapping ranges, each starting one byte after the previous one.
  private func index() throws -> MapIndex {
    let path = FilePath("/tmp/bmap-large-\(UInt64.random(in: 0...UInt64.max))")
    var text = "# virt-bmap 2\n# disk 1 size=10000000 format=raw file=x\n"
    let name = String(repeating: "name", count: 60)
    for number in 0..<6000 {
      text += "1 \(String(number, radix: 16)) \(String(number + 100, radix: 16)) f /dev/sda1 /\(name)-\(number)\n"
    }
    let file = try FileDescriptor.open(path, .writeOnly, options: [.create], permissions: [.ownerReadWrite])
    defer { _ = path.withPlatformString { unlink($0) } }
    try file.closeAfter { _ = try file.writeAll(Array(text.utf8)) }
    return MapIndex(try BlockMap(contentsOf: path))
  }

  private let event = AccessEvent(
    operation: .read, disk: 1, connection: 1, range: 0..<9000, time: MonotonicTime(nanoseconds: 0), latency: 0,
    errno: 0)

  @Test func aLineHasAnEnd() throws {
    let index = try index()
    var output: [UInt8] = []
    var json = FormattedLog(JSONFormat(), index)
    json.append(event, to: &output)
    #expect(output.count > 16 << 20 && output.count < 17 << 20)
    let end = String(decoding: output.suffix(200), as: UTF8.self)
    #expect(end.hasSuffix("\"objects\":[],\"rest\":true}]}\n"), "\(end)")

    output = []
    var text = FormattedLog(TextFormat(), index)
    text.append(event, to: &output)
    text.endLine(in: &output)
    #expect(output.count > 16 << 20 && output.count < 17 << 20)
    let lines = String(decoding: output.suffix(200), as: UTF8.self).split(separator: "\n").suffix(3)
    #expect(lines.first == "# too many pieces: what lies under the rest of this request is not said")
    #expect(lines.last?.hasSuffix("-2328") == true, "\(lines)")
  }

  @Test func soHasARequest() throws {
    var attribution = Attribution(index: try index())
    let request = attribution(event)
    let last = try #require(request.parts.last)
    #expect(last.isRest && last.range.upperBound == event.range.upperBound)
    #expect(request.parts.indices.reduce(0) { $0 + request.owners(of: $1).count } <= 1 << 18 + 64)
    for (part, next) in zip(request.parts, request.parts.dropFirst()) {
      #expect(part.range.upperBound == next.range.lowerBound && !part.isRest)
    }
  }
}

/// What the trace of another program does not know is missing.
@Suite struct UnknownFieldTests {
  @Test func areLeftOut() throws {
    let index = try index("1 0 100000 v /dev/sda")
    var event = read(0..<512, errno: 5)
    (event.time, event.latency) = (nil, nil)
    var output: [UInt8] = []
    var json = FormattedLog(JSONFormat(), index)
    json.append(event, to: &output)
    let end = #""pieces":[{"offset":0,"length":512,"objects":[{"kind":"v","device":"/dev/sda","offset":0}]}]}"# + "\n"
    let start = #"{"op":"read","disk":1,"connection":3,"offset":0,"length":512,"#
    #expect(String(decoding: output, as: UTF8.self) == start + #""result":"EIO","# + end)
    event.errno = nil
    output = []
    json.append(event, to: &output)
    #expect(String(decoding: output, as: UTF8.self) == start + end)
    output = []
    var text = FormattedLog(TextFormat(), index)
    text.append(event, to: &output)
    text.endLine(in: &output)
    #expect(String(decoding: output, as: UTF8.self) == "read v /dev/sda\n 0-200\n")
  }
}
