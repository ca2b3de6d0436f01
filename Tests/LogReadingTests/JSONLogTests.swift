import BlockMap
import LogReading
import Testing

struct JSONLogTests {
  private static let example = """
    {"time":81.052377,"op":"read","disk":1,"connection":2,"offset":40333312,"length":4096,"result":"ok","latency":35.2,\
    "pieces":[{"offset":40333312,"length":4096,"objects":[\
    {"kind":"f","device":"/dev/sda1","path":"/boot/vmlinuz","offset":0},\
    {"kind":"p","device":"/dev/sda1","offset":39284736},{"kind":"v","device":"/dev/sda","offset":40333312}]}]}

    """

  @Test func aRequest() throws {
    let log = try ReadLog(Self.example)
    #expect(
      log.requests == [
        "81052377000 read 1 2 40333312..<40337408 35200 | 40333312..<40337408 f /dev/sda1 /boot/vmlinuz+0"
      ])
    #expect(log.hasTimes == true && log.cutLine == nil && log.lost == 0)
  }

  /// Fields can come in any order, and there can be others.
  @Test func otherPrograms() throws {
    let log = try ReadLog(
      """
      {"length" : 512, "new": {"a": [1, "}", {}], "b": -1.5e3}, "offset" : 0 , "disk": 2, "op": "write",
      """.trimmingNewline + """
         "result": "EIO", "pieces": [ {"objects": [ ], "length": 512, "offset": 0, "rest": true, "stale": true } ] }

        """)
    #expect(log.requests == ["nil write 2 1 0..<512 nil EIO | 0..<512 stale rest"])
  }

  @Test func namesAreBytes() throws {
    let log = try ReadLog(
      #"{"op":"read","offset":0,"length":1,"pieces":[{"offset":0,"length":1,"objects":[{"kind":"f","device":"/dev/a\\040b","path":"/\\377\\134\"\u0085\ud83d\ude00\u00e9"}]}]}"#
        + "\n")
    let objects = log.parser.objects
    let object = try #require(objects.ids.first { _ in true })
    #expect(objects.device(of: object) == Array("/dev/a b".utf8))
    #expect(objects[object].path == [0x2f, 0xff, 0x5c, 0x22] + Array("\u{85}😀é".utf8))
  }

  /// All names of a file, but only the innermost of the devices.
  @Test func whatIsMostSpecific() throws {
    let object = { (kind: String, path: String?) in
      #"{"kind":"\#(kind)","device":"/dev/sda1"\#(path.map { #","path":"\#($0)""# } ?? "")}"#
    }
    let line = { (objects: [String]) in
      #"{"op":"read","offset":0,"length":1,"pieces":[{"offset":0,"length":1,"objects":[\#(objects.joined(separator: ","))]}]}"#
        + "\n"
    }
    let log = try ReadLog(
      line([object("f", "/a"), object("f", "/b"), object("d", "/"), object("v", nil)])
        + line([object("p", nil), object("v", nil)]))
    #expect(
      log.requests.map { $0.split(separator: "| ")[1] } == [
        "0..<1 f /dev/sda1 /a f /dev/sda1 /b", "0..<1 p /dev/sda1",
      ])
  }

  @Test func lostRequests() throws {
    let log = try ReadLog(#"{"lost":5,"reason":"No space left on device"}"# + "\n\n" + #"{"lost":2}"# + "\n")
    #expect(log.requests.isEmpty && log.lost == 7)
  }

  /// A pipe can deliver any part of a line.
  @Test(arguments: [1, 7, 100, 1000])
  func inPieces(_ size: Int) throws {
    let log = try ReadLog(Self.example + Self.example, blockSize: size)
    #expect(log.requests.count == 2)
  }

  @Test func aCutLine() throws {
    let log = try ReadLog(Self.example + Self.example.dropLast(10))
    #expect(log.requests.count == 1 && log.cutLine == 2)
  }

  @Test(
    arguments: [
      (#"{"op":"read","offset":0}"#, "line 2: a range has no"),
      (#"{"op":"read","offset":18446744073709551615,"length":1}"#, "line 2: a range ends beyond 2^64"),
      (#"{"op":"read","offset":18446744073709551616,"length":1}"#, "line 2: not a line of the JSON log"),
      (#"{"op":"read","offset":-1,"length":1}"#, "line 2: not a line of the JSON log"),
      (#"{"op":"erase","offset":0,"length":1}"#, "line 2: unknown operation"),
      (#"{"op":"read","offset":0,"length":1,"disk":0}"#, "line 2: a disk's number"),
      (#"{"op":"read","offset":0,"length":1,"disk":256}"#, "line 2: a disk's number"),
      (#"{"op":"read","offset":0,"length":1} x"#, "line 2: something follows"),
      (#"{"offset":0,"length":1}"#, #"line 2: not a request of the JSON log: it has no "op""#),
      (#"{"op":"read","offset":0,"length":1,"pieces":[{"offset":0,"length":1,"objects":[{"device":"a"}]}]}"#, "kind"),
      (
        #"{"op":"read","offset":0,"length":1,"pieces":[{"offset":0,"length":1,"objects":[{"kind":"f","device":"\\9"}]}]}"#,
        "line 2: a name is not escaped as in a map"
      ),
      ("{\"op\":\"re", "line 2: not a line of the JSON log"), ("{", "line 2: not a line"),
      ("[[[[", "line 2: not a line"),
      (#"{"a":[[[[}"#, "line 2: not a line"), (#"{"a":"\"#, "line 2: not a line"),
    ])
  func errors(_ line: String, _ message: String) throws {
    let error = try #require(throws: LogError.self) { _ = try ReadLog(Self.example + line + "\n") }
    #expect(error.description.contains(message), "\(error)")
  }

  @Test func otherFiles() throws {
    #expect(throws: LogError.self) { _ = try ReadLog("") }
    #expect(throws: LogError.self) { _ = try ReadLog("\u{7f}ELF\n") }
    #expect(throws: LogError.self) { _ = try ReadLog("1 0 1000 v /dev/sda\n") }
  }
}

extension String {
  fileprivate var trimmingNewline: String { replacing("\n", with: "") }
}
