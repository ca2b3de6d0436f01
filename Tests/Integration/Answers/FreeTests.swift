import FoundationEssentials
import Glibc
import SystemPackage
import Testing

/// `virt-bmap free` says what fstrim and virt-sparsify really free, to the block.
@Suite struct FreeTests {
  private static let block: UInt64 = 4096
  private let environment: [String: String?] = [
    "LIBGUESTFS_BACKEND_SETTINGS": MapperRun.emulated, "LIBGUESTFS_CACHEDIR": "/var/tmp",
  ]

  /// ext2/3/4 and XFS with blocks of several sizes, and FAT, with files that were deleted.
  @Test func fstrimFreesTheSame() async throws {
    let space = try await Maps.space.value
    let fat = try await Self.fat.value
    let scratch = try Scratch()
    let copies = try await [copy(space.disk, to: scratch("space")), copy(fat.disk, to: scratch("fat"))]
    let before = try copies.map(storedBlocks)
    let partitions = (1...7).map { "/dev/sda\($0)" } + ["/dev/sdb"]
    let trims = partitions.map { "mount \($0) /\nfstrim /\numount /\n" }.joined()
    try await Slots.virtualMachines.run {
      _ = try await tool(
        "guestfish", environment: environment,
        input: """
          add-drive "\(copies[0])" format:raw discard:enable
          add-drive "\(copies[1])" format:raw discard:enable
          run
          \(trims)
          """, limit: .seconds(600))
    }
    for (index, guest) in [space, fat].enumerated() {
      let freed = before[index].subtracting(try storedBlocks(copies[index]))
      let ours = try await freeBlocks(guest).intersection(before[index])
      #expect(ours == freed, "\(guest.disk)")
      #expect(try await stored(guest) == UInt64(freed.count) * Self.block)
      print("\(guest.disk.lastComponent?.string ?? ""): fstrim frees \(freed.count) blocks")
      #expect(freed.count > 4000)
    }
  }

  @Test func virtSparsifyFreesTheSame() async throws {
    let fat = try await Self.fat.value
    let scratch = try Scratch()
    let copy = try await copy(fat.disk, to: scratch("fat"))
    let before = try storedBlocks(copy)
    try await Slots.virtualMachines.run {
      _ = try await tool("virt-sparsify", ["--in-place", copy], environment: environment, limit: .seconds(600))
    }
    let freed = before.subtracting(try storedBlocks(copy))
    #expect(try await freeBlocks(fat).intersection(before) == freed && freed.count > 4000)
  }

  /// What is not zero and what is zero in files, on a disk where it is known.
  @Test func contentOfBlocks() async throws {
    let fat = try await Self.fat.value
    // The rest of the first and the last block belongs to files of random data.
    let zeros = fat.map.lines("f", "/dev/sda", Array("/zeros".utf8)).reduce(0 as UInt64) { sum, line in
      let first = (line.range.lowerBound + Self.block - 1) / Self.block
      return sum + (line.range.upperBound / Self.block - first) * Self.block
    }
    #expect(zeros >= 98304)
    let outcome = try await free([fat.file, fat.disk])
    #expect(
      outcome.output.text.contains("zeros in files: \(zeros / 1024) KiB (\(zeros) bytes)"), "\(outcome.output.text)")
    let json = try await free([fat.file, fat.disk, "--json"]).output
    let answer = try JSONDecoder().decode(Answer.self, from: Data(json))
    #expect(answer.devices.map(\.device) == ["/dev/sda"] && answer.devices[0].type == "vfat")
    // The deleted files are random data.
    #expect(answer.total.notZero == answer.total.stored && answer.total.zeroInFiles == zeros)
    // The disk instead of the map: the map beside it is used.
    let beside = try await free([fat.disk, "--json"])
    #expect(beside.output == json)
  }

  @Test func errors() async throws {
    let scratch = try Scratch()
    try scratch.write("# virt-bmap 2\n# disk 1 size=1000\n1 0 1000 u /dev/sda\n", to: "map.bmap")
    try scratch.makeHole("other", size: 8192)
    let mapper = try Products.mapper.string
    expectOneLine(
      try await run(mapper, ["free", scratch("map.bmap"), scratch("other")]), "other", "8192 bytes", "4096")
    expectOneLine(
      try await run(mapper, ["free", scratch("map.bmap"), scratch("other"), scratch("other")]), "2 are given")
    expectOneLine(try await run(mapper, ["free", scratch("map.bmap"), scratch("missing")]), "missing")
    expectOneLine(try await run(mapper, ["free", scratch("map.bmap"), "--device", "/dev/sdb"]), "/dev/sdb")
    // A file that is neither a map nor a disk with whole sectors.
    try scratch.write([0xeb, 0x63, 0x90] + [UInt8](repeating: 0, count: 997), to: "odd.raw")
    expectOneLine(try await run(mapper, ["free", scratch("odd.raw")]), "odd.raw", "512 bytes", "-f raw")
    // A truncated image has a warning when it is opened, but the error is enough.
    try await tool("qemu-img", ["create", "-q", "-f", "vmdk", scratch("cut.vmdk"), "1M"])
    try await tool("qemu-io", ["-f", "vmdk", "-c", "write -P 1 0 1M", scratch("cut.vmdk")])
    truncate(scratch("cut.vmdk").string, 500_000)
    try scratch.write("# virt-bmap 2\n# disk 1 size=100000\n1 0 100000 u /dev/sda\n", to: "cut.bmap")
    expectOneLine(try await run(mapper, ["free", scratch("cut.bmap"), scratch("cut.vmdk")]), "cut.vmdk", "truncated")
    let ranges = try await free([scratch("map.bmap"), "--ranges"])
    #expect(ranges.output.text == "1 0 1000 /dev/sda\n")
    let json = try await free([scratch("map.bmap"), "--ranges", "--json"])
    #expect(json.output.text == #"{"device":"/dev/sda","disk":1,"end":4096,"start":0}"# + "\n")
  }

  private struct Answer: Decodable {
    struct Space: Decodable {
      var device: String?
      var type: String?
      var stored: UInt64
      var notZero: UInt64
      var zeroInFiles: UInt64

      private enum CodingKeys: String, CodingKey {
        case device, type, stored
        case notZero = "not_zero"
        case zeroInFiles = "zero_in_files"
      }
    }
    var devices: [Space]
    var total: Space
  }

  private func free(_ arguments: [any Word]) async throws -> Outcome {
    try await tool(try Products.mapper.string, ["free"] + arguments)
  }

  private func stored(_ guest: MappedGuest) async throws -> UInt64 {
    try JSONDecoder().decode(Answer.self, from: Data(try await free([guest.file, guest.disk, "--json"]).output)).total
      .stored
  }

  /// The blocks that lie in free ranges with all of their bytes.
  private func freeBlocks(_ guest: MappedGuest) async throws -> Set<UInt64> {
    var blocks: Set<UInt64> = []
    for line in try await free([guest.file, "--ranges"]).outputLines {
      let fields = line.split(separator: " ")
      guard let start = UInt64(fields[1], radix: 16), let end = UInt64(fields[2], radix: 16) else {
        throw TestFailure(line)
      }
      let first = (start + Self.block - 1) / Self.block
      if first < end / Self.block { blocks.formUnion(first..<end / Self.block) }
    }
    return blocks
  }

  private func copy(_ disk: FilePath, to copy: FilePath) async throws -> FilePath {
    try await tool("cp", ["--sparse=auto", disk, copy])
    return copy
  }

  /// The blocks of a file that are no holes.
  private func storedBlocks(_ file: FilePath) throws -> Set<UInt64> {
    let descriptor = try FileDescriptor.open(file, .readOnly)
    return try descriptor.closeAfter {
      var blocks: Set<UInt64> = []
      var position: off_t = 0
      while true {
        // SEEK_DATA and SEEK_HOLE.
        let data = lseek(descriptor.rawValue, position, 3)
        guard data >= 0 else { return blocks }
        position = lseek(descriptor.rawValue, data, 4)
        blocks.formUnion(UInt64(data) / Self.block..<(UInt64(position) + Self.block - 1) / Self.block)
      }
    }
  }

  /// A FAT filesystem with clusters of 2 KiB, from which files of random data were deleted.
  private static let fat = Shared {
    let scratch = try Scratch(shared: "free")
    try await tool(
      "sh",
      [
        "-ec",
        """
        export MTOOLS_SKIP_CHECK=1
        truncate -s 80M fat.raw
        mkfs.vfat -F 16 -s 4 fat.raw >/dev/null
        head -c 20000000 /dev/urandom >large
        head -c 106496 /dev/zero >zeros
        mcopy -i fat.raw large ::one
        for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
          head -c $((i * 3000)) large >small
          mcopy -i fat.raw small ::small$i
        done
        mcopy -i fat.raw zeros large ::
        mdel -i fat.raw ::one ::small3 ::small5 ::small8 ::small11
        """,
      ], in: scratch.path)
    let run = try MapperRun()
    let (disk, file) = (scratch("fat.raw"), scratch("fat.bmap"))
    let outcome = try await run(["-q", "-o", file, disk])
    guard outcome.end == .exited(0) else { throw TestFailure("\(disk): \(outcome.errors.text)") }
    return MappedGuest(disk: disk, file: file, map: try MapText(contentsOf: file), outcome: outcome)
  }
}
