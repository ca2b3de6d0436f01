import Testing

@testable import RangeLists

/// Lists in JSON. Those of nbdinfo and qemu-img are what the programs wrote; VMware's and AWS's follow their
/// documentation.
@Suite struct JSONFormatTests {
  /// `nbdinfo --map=qemu:dirty-bitmap:b0 --json` (1.14.2).
  @Test func nbdinfo() throws {
    let found = try list(
      """
      [
      { "offset": 0, "length": 4194304, "type": 0, "description": "clean"},
      { "offset": 4194304, "length": 131072, "type": 1, "description": "dirty"},
      { "offset": 4325376, "length": 4063232, "type": 0, "description": "clean"}
      ]

      """)
    #expect(found.format == "nbdinfo" && found.ranges == [4_194_304..<4_325_376])
    let allocation = try list(
      """
      [
      { "offset": 0, "length": 65536, "type": 0, "description": "data"},
      { "offset": 65536, "length": 65536, "type": 1, "description": "hole"},
      { "offset": 131072, "length": 65536, "type": 2, "description": "zero"},
      { "offset": 196608, "length": 851968, "type": 3, "description": "hole,zero"}
      ]
      """)
    #expect(allocation.ranges == [0..<65536, 131072..<196608])
    #expect(problem("[{\"offset\":0,\"length\":1,\"type\":1}]") == "line 1: no \"description\"")
    #expect(
      problem(
        """
        [
        { "offset": 0, "length": 4194304, "type": 0, "description": "clean"},
        { "offset": 4325376, "length": 4063232, "type": 0, "description": "clean"}
        ]
        """)
        == "line 3: the extent begins at byte 4325376, not at 4194304: a part of nbdinfo's output is missing")
  }

  /// `qemu-img map --output=json` (7.2) of an image with a backing file.
  private static let chain = """
    [{ "start": 0, "length": 131072, "depth": 1, "present": true, "zero": false, "data": true, "offset": 327680},
    { "start": 131072, "length": 917504, "depth": 1, "present": false, "zero": true, "data": false},
    { "start": 1048576, "length": 65536, "depth": 0, "present": true, "zero": true, "data": false},
    { "start": 1114112, "length": 983040, "depth": 1, "present": false, "zero": true, "data": false},
    { "start": 2097152, "length": 65536, "depth": 0, "present": true, "zero": false, "data": true, "offset": 327680},
    { "start": 2162688, "length": 6225920, "depth": 1, "present": false, "zero": true, "data": false}]

    """

  @Test func qemuImg() throws {
    let found = try list(Self.chain)
    #expect(found.format == "qemu-img" && found.ranges == [1_048_576..<1_114_112, 2_097_152..<2_162_688])
    // The size of a raw image that does not end with a sector is rounded up.
    var odd = try list(
      #"[{ "start": 0, "length": 1000448, "depth": 0, "present": true, "zero": true, "data": false, "offset": 0}]"#)
    try odd.fit(toDiskOf: 1_000_000)
    #expect(odd.ranges == [0..<1_000_000])
    // Old versions do not have "present".
    #expect(try list(#"[{"start":0,"length":512,"depth":0,"zero":true,"data":false}]"#).ranges.isEmpty)
  }

  @Test func vmware() throws {
    let pages = """
      {"startOffset":0,"length":1048576,"changedArea":[{"start":65536,"length":65536},{"start":0,"length":4096}]}
      {"_typeName":"DiskChangeInfo","startOffset":1048576,"length":1048576,
       "changedArea":[{"_typeName":"DiskChangeExtent","start":1048576,"length":131072}]}

      """
    var found = try list(pages)
    #expect(found.format == "vmware" && found.count == 3)
    #expect(found.ranges == [0..<4096, 65536..<131_072, 1_048_576..<1_179_648])
    try found.fit(toDiskOf: 2 << 20)
    #expect(
      throws: ListError(
        "describes only 2097152 of the 3145728 bytes of the disk: add what is missing, or choose with --disk")
    ) {
      try found.fit(toDiskOf: 3 << 20)
    }
    // A page is missing, or the pages are in the wrong order.
    let first = #"{"startOffset":0,"length":65536,"changedArea":[]}"#
    let third = #"{"startOffset":131072,"length":65536,"changedArea":[{"start":131072,"length":512}]}"#
    #expect(
      problem("\(first)\n\(third)\n")
        == "line 2: \"startOffset\" is 131072, but the page before it ends at 65536: give all pages in order")
    #expect(
      problem(third)
        == "line 1: \"startOffset\" is 131072, but the page before it ends at 0: give all pages in order")
    #expect(
      problem("\(first)\n\(first)\n")
        == "line 2: \"startOffset\" is 0, but the page before it ends at 65536: give all pages in order")
    #expect(
      problem(#"{"startOffset":0,"length":1}{"startOffset":1,"length":18446744073709551615}"#)
        == "line 1: the described part does not fit in 64 bits")
    #expect(
      problem(#"{"changedArea":[{"start":-1,"length":1}]}"#)
        == "line 1: \"start\" is missing, or not a whole number below 2^64")
  }

  @Test func aws() throws {
    let pages = """
      {
          "ChangedBlocks": [
              {
                  "BlockIndex": 0,
                  "FirstBlockToken": "ABcAASg1GGNGd0Zs6vxZZP+GtKHGRFVuUzN0XJ3I2pV6jVQkD0Oj0o3lVw",
                  "SecondBlockToken": "ABcAASg1GGNGd0Zs6vxZZP+GtKHGRFVuUzN0XJ3I2pV6jVQkD0Oj0o3lVx"
              },
              { "BlockIndex": 6000, "SecondBlockToken": "ABcAASg1" }
          ],
          "ExpiryTime": 1592976647.009,
          "VolumeSize": 3,
          "BlockSize": 524288,
          "NextToken": "AAADARqElNng/sV98CYk/bJDCXeLJmLJHnNSkHvLzVaO0zsPH/QM3Bi3zF//O6Mdi/BbJarBnp8h"
      }
      {"ChangedBlocks": [{"BlockIndex": 6001}], "VolumeSize": 3, "BlockSize": 524288, "NextToken": null}

      """
    let found = try list(pages)
    #expect(found.format == "aws" && found.count == 3)
    #expect(found.ranges == [0..<524_288, 3_145_728_000..<3_146_776_576])
    for (text, reason) in [
      (
        #"{"ChangedBlocks":[{"BlockIndex":1}],"BlockSize":524288,"NextToken":"A"}"#,
        "the last page has a \"NextToken\": add the pages after it"
      ),
      (#"{"ChangedBlocks":[{"BlockIndex":1}]}"#, "there is no \"BlockSize\" after the blocks"),
      (
        #"{"ChangedBlocks":[{"BlockIndex":1}],"BlockSize":0}"#,
        "line 1: \"BlockSize\" is not between 1 and 1073741824"
      ),
      (
        #"{"ChangedBlocks":[{"BlockIndex":1e9}],"BlockSize":512}"#,
        "line 1: \"BlockIndex\" is missing, or not a whole number below 2^64"
      ),
      (
        #"{"ChangedBlocks":[{"BlockIndex":36028797018963968}],"BlockSize":512}"#,
        "line 1: the range does not fit in 64 bits"
      ),
    ] {
      #expect(problem(text) == reason, "\(text)")
    }
  }

  /// An option cannot make one format into another.
  @Test func theWrongFormatIsNotAnEmptyList() {
    for name in ["aws", "vmware", "nbdinfo"] {
      #expect(
        problem(Self.chain, ListOptions(format: name)) == "line 1: not a list in the format \(name)", "\(name)")
    }
    #expect(problem(#"[{"a":1}]"#)?.hasPrefix("line 1: not a list in a known format (aws, ") == true)
    #expect(problem("a\n", ListOptions(format: "aws")) == "line 1: not a list of JSON objects")
    #expect(problem("5\n", ListOptions(format: "qemu-img")) == "line 1: not a list of JSON objects")
    let part = #"{"start":0,"length":512,"depth":0,"present":true,"zero":false,"data":true}"#
    for text in [#"["a"]"#, "[\(part), 5]", "[ [\(part)], \"a\"]"] {
      #expect(problem(text) == "line 1: not a list of JSON objects", "\(text)")
    }
  }

  @Test(arguments: [
    ("[", "line 1: not JSON: it is cut short"), ("[\n{", "line 2: not JSON: a key is missing"),
    ("[{\"start\"", "line 1: not JSON: a colon is missing"),
    ("[{\"start\n\"", "line 1: not JSON: a string does not end on its line"),
    ("[{\"start\":1 \"x\":2}]", "line 1: not JSON: a comma is missing"),
    ("[{\"a\":[1,]}]", "line 1: not JSON: a value is missing"),
    ("[{\"a\\", "line 1: not JSON: a string does not end"), ("[{\"abc", "line 1: not JSON: a string does not end"),
    ("[{\"a\":nul}]", "line 1: not JSON: a value is missing"), ("{\"a\":}", "line 1: not JSON: a value is missing"),
    ("[{\"a\":1", "line 1: not JSON: it is cut short"), ("{\"a\":{\"b\":[", "line 1: not JSON: it is cut short"),
    (String(repeating: "[", count: 100_000), "line 1: not JSON: nested deeper than 32"),
    ("[{\"a\":" + String(repeating: "9", count: 100_000) + "}]", "line 1: not JSON: a number is too long"),
  ])
  func brokenJSON(_ text: String, _ reason: String) {
    #expect(problem(text, ListOptions(format: "vmware")) == reason)
  }

  /// Cut at any byte, a list is an error and never a shorter list.
  @Test func cutShort() {
    let text = Array(Self.chain.utf8)
    for end in 1..<text.count - 1 {
      #expect(throws: ListError.self, "\(end)") { try RangeListReader(ListOptions()).read(Array(text[..<end])) }
    }
  }
}
