import BlockMap
import LogReading
import Prefetch
import Testing

struct PrefetchTests {
  private func parts(_ log: String) throws -> [String] {
    var parser = LogParser()
    var collector = PrefetchCollector()
    var parts: [String] = []
    let text = { (part: PrefetchPart, objects: borrowing ObjectTable) in
      let path = part.object.map { object in
        objects.withPath(of: object) { String(decoding: $0.map { Array($0) } ?? [], as: UTF8.self) }
      }
      let (start, end) = (String(part.range.lowerBound, radix: 16), String(part.range.upperBound, radix: 16))
      return "\(part.disk) \(start)-\(end) \(path ?? "-")\(part.offset.map { "+" + String($0, radix: 16) } ?? "")"
    }
    try Array(log.utf8).withUnsafeBytes {
      try parser.feed($0) { request, objects in
        collector.add(request, objects) { parts.append(text($0, objects)) }
      }
    }
    let objects = parser.objects
    collector.finish { parts.append(text($0, objects)) }
    return parts
  }

  /// In the order of the requests, each byte once, and adjacent requests joined.
  @Test func onceAndInOrder() throws {
    #expect(
      try parts(
        """
        read f /dev/sda1 /b
         5000-6000 +0 6000-7000 +1000
        read f /dev/sda1 /a
         1000-2000 +0 1800-2800 +800
        read f /dev/sda1 /b
         4000-8000 +0
        read -
         2:0-200

        """) == [
          "1 5000-7000 /b+0", "1 1000-2800 /a+0", "1 4000-5000 /b+0", "1 7000-8000 /b+3000", "2 0-200 -",
        ])
  }

  /// What the guest wrote itself is not on the disk.
  @Test func onlyWhatIsOnTheDisk() throws {
    let line = { (operation: String, result: String, stale: Bool) in
      #"{"op":"\#(operation)","offset":0,"length":512,"result":"\#(result)","pieces":[{"offset":0,"length":512,"#
        + #""stale":\#(stale),"objects":[]}]}"# + "\n"
    }
    for log in [line("write", "ok", false), line("read", "EIO", false), line("read", "ok", true)] {
      #expect(try parts(log).isEmpty)
    }
    #expect(try parts(line("read", "ok", false)).count == 1)
    #expect(try parts(line("cache", "ok", false)).count == 1)
  }

  @Test func linesOfAList() throws {
    var objects = ObjectTable()
    let path: [UInt8] = Array("/a b\n\u{ff}\\".utf8)
    let object = try #require(
      Array("/dev/vg/a b".utf8).withUnsafeBytes { device in
        path.withUnsafeBytes { objects.intern(kind: .file, device: device, path: $0) }
      })
    var line: [UInt8] = []
    PrefetchList.append(0x200..<0x1000, of: object, in: objects, to: &line)
    let parsed = try PrefetchList.Line(line.dropLast())
    #expect(parsed.range == 0x200..<0x1000)
    #expect(parsed.object == MappedObject(kind: .file, device: Array("/dev/vg/a b".utf8), path: path))
  }

  @Test(
    arguments: [
      "", "0", "0 0 f /dev/sda1 /a", "5 4 f /dev/sda1 /a", "0 1 ff /dev/sda1 /a", "0 1 f", "-1 1 f /dev/sda1 /a",
      "+0 1 f /dev/sda1 /a", "0 1ffffffffffffffff f /dev/sda1 /a", "0 1 f /dev/sda1 /\\9", "x 1 f /dev/sda1 /a",
      "0 1 7 /dev/sda1 /a",
    ])
  func badLines(_ line: String) {
    #expect(throws: PrefetchError.self) { try PrefetchList.Line(line.utf8) }
  }
}
