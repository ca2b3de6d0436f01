import SystemPackage
import Testing

/// Extended attributes, alternate streams, reparse points and block lists are in the map under the names of the
/// objects that they belong to, and the disk has them at those offsets.
@Suite struct AttributeTests {
  private let large = Array(String(repeating: "value", count: 180).utf8)
  private let larger = Array(String(repeating: "larger", count: 900).utf8)
  private let target = Array(String(repeating: "target", count: 150).utf8)

  /// The bytes of each metadata range of an object, ordered by offset.
  private func kept(_ device: String, _ path: String) async throws -> [[UInt8]] {
    let guest = try await Maps.layers.value
    let disk = try FileDescriptor.open(guest.disk, .readOnly)
    defer { try? disk.close() }
    return try guest.map.lines("m", device, Array(path.utf8)).map {
      try disk.bytes(at: $0.range.lowerBound, count: $0.range.count)
    }
  }

  private func ranges(_ device: String, _ path: String) async throws -> [Range<UInt64>] {
    try await Maps.layers.value.map.lines("m", device, Array(path.utf8)).map(\.range)
  }

  /// ext4 stores values larger than a block in inodes of their own, and identical values of three objects only once.
  @Test func valuesInInodesOnExt4() async throws {
    let guest = try await Maps.layers.value
    let one = try await ranges("/dev/sda1", "/sizes/0")
    #expect(!one.isEmpty)
    for path in ["/sizes/0", "/sizes/65536", "/sizes"] {
      #expect(try await kept("/dev/sda1", path).joined().starts(with: larger), "\(path)")
      #expect(try await ranges("/dev/sda1", path) == one, "\(path)")
    }
    // debugfs reports the inode that owns these blocks, and the inode's contents.
    let partition = try await partitions(of: guest.disk)[0]
    let image = "\(guest.disk)?offset=\(partition.lowerBound)"
    let block = (one[0].lowerBound - partition.lowerBound) / 1024
    let said = try await tool("debugfs", ["-R", "icheck \(block)", image]).outputLines
    let inode = try #require(said.last?.split(separator: "\t").last.flatMap { UInt64($0) })
    let value = try await tool("debugfs", ["-R", "cat <\(inode)>", image]).output
    #expect(value == larger)
  }

  @Test func valuesInBlocksOnXFS() async throws {
    for path in ["/sizes/0", "/sizes/65536", "/sizes"] {
      // A leaf, then the value. Each block of the value has a header of 56 bytes.
      let blocks = try await kept("/dev/vg/xfs", path).flatMap { bytes in
        stride(from: 0, to: bytes.count, by: 4096).map { Array(bytes[$0..<$0 + 4096]) }
      }
      let value = blocks.filter { $0.starts(with: Array("XARM".utf8)) }
      #expect(blocks.count == 3 && value.count == 2, "\(path)")
      #expect(value.flatMap { $0.dropFirst(56) }.starts(with: larger), "\(path)")
    }
  }

  /// The blocks of the tree that holds a file's extents.
  @Test func listsOfBlocksOnXFS() async throws {
    let blocks = try await kept("/dev/vg/xfs", "/many-pieces")
    let file = try await Maps.layers.value.map.lines("f", "/dev/vg/xfs", Array("/many-pieces".utf8))
    #expect(blocks.count >= 2 && file.count > 100)
    func number(_ bytes: [UInt8], _ offset: Int, _ count: Int) -> UInt64 {
      bytes[offset..<offset + count].reduce(0) { $0 << 8 | UInt64($1) }
    }
    // xfs_btree_block: the magic number, the level, the number of records, and at offset 56 the inode.
    #expect(blocks.allSatisfy { $0.starts(with: Array("BMA3".utf8)) && $0.count == 4096 })
    #expect(Set(blocks.map { number($0, 56, 8) }).count == 1)
    let records = blocks.filter { number($0, 4, 2) == 0 }.reduce(0) { $0 + number($1, 6, 2) }
    #expect(records >= file.count, "\(records) \(file.count)")
  }

  /// Btrfs stores an attribute's name before its value, once per copy of its tree.
  @Test func btrfs() async throws {
    for path in ["/links/one", "/links/two", "/nested/b/three", "/nested"] {
      let found = try await kept("/dev/sda3", path)
      #expect(found.count == 2, "\(path)")
      for bytes in found { #expect(bytes.dropFirst(30).elementsEqual(Array("user.large".utf8) + large), "\(path)") }
    }
    for bytes in try await kept("/dev/sda3", "/links/symbolic") {
      #expect(bytes.text.hasSuffix("value") || bytes.text == "one")
    }
    let small = try await kept("/dev/sda3", "/sizes/65536")
    #expect(small.count == 2 && small.allSatisfy { $0.text.hasSuffix("user.smallsmall-value") })
    #expect(try await kept("/dev/sda3", "/sizes/0") == [])
  }

  /// On NTFS, an attribute that is set through ntfs-3g is a stream, in clusters or in the file's record.
  @Test func streamsOnNTFS() async throws {
    let guest = try await Maps.layers.value
    for path in ["/links/one", "/links/two", "/nested/b/three", "/nested"] {
      #expect(try await kept("/dev/sda4", path).contains { $0.starts(with: large) }, "\(path)")
    }
    for path in ["/sizes/0", "/sizes/65536", "/sizes"] {
      #expect(try await kept("/dev/sda4", path).contains { $0.starts(with: larger) }, "\(path)")
    }
    let table = guest.map.lines("m", "/dev/sda4", Array("$MFT".utf8))
    #expect(try await kept("/dev/sda4", "/sizes/65536").contains(Array("small-value".utf8)))
    for range in try await ranges("/dev/sda4", "/sizes/65536") where range.count == 11 {
      #expect(table.contains { $0.range.contains(range.lowerBound) })
    }
  }

  @Test func linksOnNTFS() async throws {
    // A reparse point: its tag and size, the version of its contents, the target.
    let long = try await kept("/dev/sda4", "/links/long")
    #expect(long.contains { $0.dropFirst(12).starts(with: target) } && long.contains { $0.count % 512 == 0 })
    let short = try await kept("/dev/sda4", "/links/reparse")
    #expect(short.contains { $0.dropFirst(12).elementsEqual("reparse-target".utf8) })
    // An Interix link: a file with a format of its own.
    let old = try await kept("/dev/sda4", "/links/symbolic")
    #expect(old == [Array("IntxLNK\u{1}".utf8) + Array("one".utf8).flatMap { [$0, 0] }])
    // The reparse tag of a pipe, and the extended attributes of special files.
    let pipe = try await kept("/dev/sda4", "/links/pipe")
    #expect(pipe.contains { $0.starts(with: [0x24, 0, 0, 0x80]) } && pipe.contains { $0.text.contains("$LX") })
  }
}
