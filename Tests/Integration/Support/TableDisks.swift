import SystemPackage

/// Small disks with unusual or damaged partition tables. The partitions with filesystems hold ext4 made by
/// `SmallDisks.makeExt4`.
struct TableDisks {
  let scratch: Scratch
  private var small: SmallDisks { SmallDisks(scratch: scratch) }

  init(scratch: Scratch) { self.scratch = scratch }

  /// Sectors of 4096 bytes, one partition.
  func gptOf4096(_ name: String) async throws -> (FilePath, [Int: Range<UInt64>]) {
    let disk = try scratch.makeHole(name, size: 64 << 20)
    try await tool("fdisk", ["-b", "4096", disk], input: "g\nn\n1\n256\n5375\nw\n")
    try await small.makeExt4(disk, offset: 1 << 20, megabytes: 20)
    return (disk, [1: 1 << 20..<21 << 20])
  }

  /// Sectors of 4096 bytes, a primary and a logical partition.
  func mbrOf4096() async throws -> (FilePath, [Int: Range<UInt64>]) {
    let disk = try scratch.makeHole("mbr4096.raw", size: 64 << 20)
    try await tool(
      "fdisk", ["-b", "4096", disk],
      input: "o\nn\np\n1\n256\n5375\nn\ne\n2\n6144\n12543\nn\nl\n6400\n11519\nw\n")
    for start in [1, 25] { try await small.makeExt4(disk, offset: start << 20, megabytes: 20) }
    return (disk, [1: 1 << 20..<21 << 20, 2: 24 << 20..<49 << 20, 5: 25 << 20..<45 << 20])
  }

  /// A GUID partition table with two partitions.
  private func gpt(_ name: String) async throws -> FilePath {
    let disk = try scratch.makeHole(name, size: 64 << 20)
    try await tool("sfdisk", ["-q", disk], input: "label: gpt\nstart=2048, size=40960\nstart=43008, size=40960\n")
    for start in [1, 21] { try await small.makeExt4(disk, offset: start << 20, megabytes: 20) }
    return disk
  }

  static let gptParts: [Int: Range<UInt64>] = [1: 1 << 20..<21 << 20, 2: 21 << 20..<41 << 20]

  func damagedPrimary() async throws -> FilePath {
    let disk = try await gpt("primary.raw")
    try small.overwrite(disk, at: 512, with: Array("XXXXXXXX".utf8))
    return disk
  }

  func cutOff() async throws -> FilePath {
    let disk = try await gpt("cut.raw")
    try await tool("truncate", ["-s", "63M", disk])
    return disk
  }

  /// Truncated so that the end of the second partition is missing.
  func cutInPartition() async throws -> FilePath {
    let disk = try await gpt("short.raw")
    try await tool("truncate", ["-s", "40M", disk])
    return disk
  }

  /// A header that claims far too many entries, with a correct checksum.
  func absurdCount() async throws -> FilePath {
    let disk = try await gpt("absurd.raw")
    let file = try FileDescriptor.open(disk, .readOnly)
    var header = try file.closeAfter { try file.bytes(at: 512, count: 92) }
    header.replaceSubrange(80..<84, with: [0xff, 0xff, 0xff, 0x7f])
    header.replaceSubrange(16..<20, with: [0, 0, 0, 0])
    var sum = UInt32.max
    for byte in header {
      sum ^= UInt32(byte)
      for _ in 0..<8 { sum = sum & 1 == 0 ? sum >> 1 : (sum >> 1) ^ 0xedb8_8320 }
    }
    sum = ~sum
    header.replaceSubrange(16..<20, with: (0..<4).map { UInt8(truncatingIfNeeded: sum >> (8 * $0)) })
    try small.overwrite(disk, at: 512, with: header)
    return disk
  }

  /// The default label of fdisk: three slices, the third for the whole disk. ext4 is on the second.
  func sun() async throws -> (FilePath, [Int: Range<UInt64>]) {
    let disk = try scratch.makeHole("sun.raw", size: 100 << 20)
    try await tool("fdisk", [disk], input: "s\nw\n")
    let parts = try await partitions(of: disk)
    guard parts.count == 3 else { throw TestFailure("fdisk made \(parts)") }
    try await small.makeExt4(disk, offset: Int(parts[1].lowerBound), megabytes: 20)
    return (disk, [1: parts[0], 2: parts[1], 3: parts[2]])
  }

  /// A BSD disklabel over the whole disk: a, c (the whole disk) and d.
  func bsd() async throws -> (FilePath, [Int: Range<UInt64>]) {
    let disk = try scratch.makeHole("bsd-label.raw", size: 64 << 20)
    var label = [UInt8](repeating: 0, count: 148 + 16 * 8)
    func put(_ value: Int, at offset: Int, width: Int) {
      for index in 0..<width { label[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index)) }
    }
    put(0x8256_4557, at: 0, width: 4)
    put(0x8256_4557, at: 132, width: 4)
    put(512, at: 40, width: 4)
    put(8, at: 138, width: 2)
    for (index, start, count, type) in [(0, 4096, 40960, 7), (2, 0, 131_072, 0), (3, 45056, 40960, 17)] {
      put(count, at: 148 + index * 16, width: 4)
      put(start, at: 152 + index * 16, width: 4)
      put(type, at: 160 + index * 16, width: 1)
    }
    for index in stride(from: 0, to: label.count, by: 2) where index != 136 {
      label[136] ^= label[index]
      label[137] ^= label[index + 1]
    }
    try small.overwrite(disk, at: 512, with: label)
    for start in [2, 22] { try await small.makeExt4(disk, offset: start << 20, megabytes: 20) }
    return (disk, [1: 2 << 20..<22 << 20, 4: 22 << 20..<42 << 20])
  }

  /// Like hybrid boot images: the first partition is the whole disk from sector 0, so its filesystem is also on the
  /// whole disk. The second partition lies inside it.
  func hybrid() async throws -> (FilePath, [Int: Range<UInt64>]) {
    let disk = try scratch.makeHole("hybrid.raw", size: 32 << 20)
    try await small.makeExt4(disk, offset: 0, megabytes: 32)
    func entry(_ type: UInt8, start: UInt32, count: UInt32) -> [UInt8] {
      [0, 0, 0, 0, type, 0, 0, 0]
        + [start, count].flatMap { number in (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) } }
    }
    let table = entry(0x17, start: 0, count: 65536) + entry(0xef, start: 60000, count: 1000)
    try small.overwrite(disk, at: 446, with: table + [UInt8](repeating: 0, count: 32) + [0x55, 0xaa])
    return (disk, [1: 0..<32 << 20, 2: 60000 << 9..<61000 << 9])
  }
}
