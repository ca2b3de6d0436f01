import Testing

/// Names are bytes and come through unchanged, every one of them. (`MapText` rejects a map in which a byte is escaped
/// without need, or is not escaped although it has to be.)
@Suite struct NameTests {
  @Test func everyFileOfMoreThanABlockIsThereByItsName() async throws {
    let mapped = try await Maps.layers.value
    let manifest = try Manifest(contentsOf: mapped.disk.removingLastComponent().appending("layers.manifest"))
    let inMap = mapped.map.objects("f")
    for entry in manifest.files where (entry.size ?? 0) >= 4096 && !entry.bytes.elementsEqual("/sparse/all-hole".utf8) {
      #expect(inMap[entry.name] != nil, "\(entry.name)")
    }
  }

  @Test(arguments: ["/dev/sda1", "/dev/vg/root", "/dev/vg/xfs"])
  func namesOfAnyBytes(device: String) async throws {
    let map = try await Maps.layers.value.map
    let names: [[UInt8]] = [
      Array("new\nline".utf8), [0x0a], Array("tab\there".utf8), Array("back\\slash".utf8), Array("\\040".utf8),
      Array(" leading".utf8), Array("trailing ".utf8), Array("\"quoted\"".utf8), [1, 0x7f] + Array(" control".utf8),
      Array("café".utf8), Array("-n".utf8), Array("not UTF-8 ".utf8) + [0xff, 0xfe, 0x80],
      Array("dir".utf8) + [0xe9, 0x0a, 0x2f, 0x80],
    ]
    for name in names {
      let path = Array("/names/".utf8) + name
      #expect(map.lines("f", device, path).count == 1, "\(path.text)")
    }
    for path in ["/#starts like a comment", "/not@f@20400", "/many/file number 1"] {
      #expect(map.lines("f", device, Array(path.utf8)).count == 1, "\(path)")
    }
  }

  @Test(arguments: [
    "/dev/sda1", "/dev/sda2", "/dev/sda3", "btrfsvol:/dev/sda3/sub", "/dev/sda4", "/dev/vg/root", "/dev/vg/xfs",
  ])
  func namesAsLongAsTheyMayBe(device: String) async throws {
    let map = try await Maps.layers.value.map
    #expect(!map.lines("f", device, [0x2f] + [UInt8](repeating: 0x6e, count: 255)).isEmpty)
    if device == "/dev/sda2" || device == "/dev/sda4" {
      // 255 characters of two bytes.
      #expect(!map.lines("f", device, [0x2f] + (0..<255).flatMap { _ in [0xc3, 0xa9] as [UInt8] }).isEmpty)
    } else {
      // A path too long for any system call.
      let deep = (0..<20).flatMap { _ in [0x2f] + [UInt8](repeating: 0x64, count: 250) } + Array("/deep-file".utf8)
      #expect(deep.count > 4096)
      #expect(map.lines("f", device, deep).reduce(0) { $0 + $1.range.count } >= 65537)
    }
  }
}
