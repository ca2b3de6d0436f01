import Glibc
import SystemPackage

/// Small disks for cases that the guests do not cover, made without an appliance.
struct SmallDisks {
  let scratch: Scratch

  /// An empty disk of 16 MiB.
  func blank() throws -> FilePath { try scratch.makeHole("blank.raw", size: 16 << 20) }

  /// ext4 on the whole disk, without a partition table, with the files `/the file` and `/damaged` (intact here), of
  /// 100,000 bytes each. It was not unmounted cleanly: mounting it replays its journal, which writes to the disk.
  func withoutTable() async throws -> FilePath {
    let disk = try scratch.makeHole("plain.raw", size: 32 << 20)
    try await makeExt4(disk, offset: 0, megabytes: 32, journal: true)
    try await tool("debugfs", ["-w", "-R", "feature needs_recovery", disk])
    return disk
  }

  /// A FreeBSD partition with a BSD disklabel, which has one partition with ext4.
  /// - Returns: the disk, and its partitions in bytes by their numbers.
  func withDisklabel() async throws -> (FilePath, [Int: Range<UInt64>]) {
    let disk = try scratch.makeHole("bsd.raw", size: 64 << 20)
    try await tool("sfdisk", ["-q", disk], input: "label: dos\nstart=2048, size=120000, type=a5\n")
    try await tool("fdisk", [disk], input: "b\ny\nn\na\n4096\n45055\nt\na\n7\nw\nq\n")
    try await makeExt4(disk, offset: 2 << 20, megabytes: 20)
    return (disk, [1: 1 << 20..<122_048 << 9, 5: 2 << 20..<22 << 20])
  }

  /// Three partitions:
  ///
  /// - ext4 whose superblock says that it is larger than its partition;
  /// - ext4 with `/damaged`, whose inode is damaged; `/outside`, whose inode says that its data is beyond the
  ///   partition's end; `/huge`, whose inode says that its size is 1 TiB; `/the file`, which is intact; and the
  ///   directory `/a/b`, which holds `/a` as `again`;
  /// - Btrfs with `/broken`, one block of which does not match its checksum, and `/whole`.
  func damaged() async throws -> FilePath {
    let disk = try scratch.makeHole("damaged.raw", size: 256 << 20)
    try await tool(
      "sfdisk", ["-q", disk],
      input: "label: dos\nstart=2048, size=65536, type=83\nstart=67584, size=65536, type=83\nstart=133120, type=83\n")
    try await makeExt4(disk, offset: 1 << 20, megabytes: 32)
    // s_blocks_count_lo.
    try overwrite(disk, at: 1 << 20 + 1024 + 4, with: [0xff, 0xff, 0xff, 0x0f])
    try await makeExt4(disk, offset: 33 << 20, megabytes: 32)
    // /damaged: the magic number at the start of its extent list. /outside: the start of its extent, in blocks; 80
    // MiB after the partition's start, which is in the third partition.
    try await tool(
      "debugfs", ["-w", "-f", "/dev/stdin", "\(disk)?offset=\(33 << 20)"], in: scratch.path,
      input: """
        set_inode_field /damaged block[0] 0
        write file outside
        set_inode_field /outside block[5] 20480
        write file huge
        set_inode_field /huge size 1099511627776
        mkdir a
        mkdir a/b
        link /a /a/b/again

        """)

    let tree = try scratch.makeDirectory("btrfs")
    let contents = (0..<3000).flatMap { Array("line \($0) of a file on Btrfs\n".utf8) }
    try contents.write(to: tree.appending("broken"))
    try contents.reversed().write(to: tree.appending("whole"))
    let filesystem = try scratch.makeHole("btrfs.raw", size: 191 << 20)
    try await tool("mkfs.btrfs", ["-q", "--rootdir", tree, filesystem])
    // Change one byte of /broken.
    let found = try await tool("grep", ["-obUaF", "line 1500 of a file", filesystem])
    guard let offset = found.output.text.split(separator: ":").first.flatMap({ Int($0) }) else {
      throw TestFailure("grep: \(found.output.text)")
    }
    try overwrite(filesystem, at: offset, with: [0x4c])
    try await tool(
      "dd", ["if=\(filesystem)", "of=\(disk)", "bs=1M", "seek=65", "conv=notrunc,sparse", "status=none"])
    return disk
  }

  /// Two partitions with ext4, made by `makeExt4`, of which the second starts inside the first, and a third that
  /// extends beyond the end of the disk.
  func overlapping() async throws -> FilePath {
    let disk = try scratch.makeHole("overlapping.raw", size: 48 << 20)
    func entry(start: UInt32, count: UInt32) -> [UInt8] {
      let numbers = [start << 11, count << 11].flatMap { number in
        (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
      }
      return [0, 0, 2, 0, 0x83, 0, 2, 0] + numbers
    }
    // In MiB. sfdisk refuses to make such a table.
    let table = entry(start: 1, count: 20) + entry(start: 18, count: 20) + entry(start: 40, count: 100)
    try overwrite(disk, at: 446, with: table + [UInt8](repeating: 0, count: 16) + [0x55, 0xaa])
    for megabyte in [1, 18] { try await makeExt4(disk, offset: megabyte << 20, megabytes: 16) }
    return disk
  }

  /// Swap space, FAT32 and LUKS 2; in logical partitions LUKS 1, ext4 with the files `/small` and `/larger` stored in
  /// their inodes, and ext4 with an unusual layout: every group has a superblock, and group descriptors are stored in
  /// the groups that they describe (meta_bg).
  func odd() async throws -> FilePath {
    let disk = try scratch.makeHole("odd.raw", size: 160 << 20)
    try await tool(
      "sfdisk", ["-q", disk],
      input: """
        label: dos
        start=2048, size=10M, type=82
        size=72M, type=5
        size=40M, type=c
        size=20M, type=83
        size=8M, type=83
        size=20M, type=83
        size=20M, type=83

        """)
    try scratch.write("in the inode\n", to: "small")
    try scratch.write((0..<110).map { UInt8(0x20 + $0 % 90) }, to: "larger")
    try scratch.write("a password", to: "key")
    let commands: [(Int, Int, String, [any Word])] = [
      (1, 10, "mkswap", ["-q"]), (3, 40, "mkfs.vfat", ["-F", "32"]),
      (4, 20, "cryptsetup", ["-q", "luksFormat", "--type", "luks2", "--pbkdf", "pbkdf2"]),
      (5, 8, "cryptsetup", ["-q", "luksFormat", "--type", "luks1"]),
      (6, 20, "mke2fs", ["-q", "-t", "ext4", "-b", "1024", "-O", "inline_data"]),
      (
        7, 20, "mke2fs",
        ["-q", "-t", "ext4", "-b", "1024", "-g", "1024", "-O", "^resize_inode,meta_bg,mmp,^flex_bg,^sparse_super"]
      ),
    ]
    let parts = try await partitions(of: disk)
    for (number, megabytes, program, options) in commands {
      let part = try scratch.makeHole("odd-\(number)", size: megabytes << 20)
      var arguments = options
      if program == "cryptsetup" { arguments += ["--pbkdf-force-iterations", "1000", "--key-file", scratch("key")] }
      arguments.append(part)
      try await tool(program, arguments)
      if number == 6 {
        for name in ["small", "larger"] {
          try await tool("debugfs", ["-w", "-R", "write \(scratch(name)) \(name)", part])
        }
      }
      try await tool(
        "dd",
        [
          "if=\(part)", "of=\(disk)", "bs=1M", "oflag=seek_bytes", "seek=\(parts[number - 1].lowerBound)",
          "conv=notrunc,sparse", "status=none",
        ])
    }
    return disk
  }

  func makeExt4(_ disk: FilePath, offset: Int, megabytes: Int, journal: Bool = false) async throws {
    try scratch.write([UInt8](repeating: 0x61, count: 100_000), to: "file")
    // Without checksums, so that the kernel finds damage only when it uses the damaged structure.
    try await tool(
      "mke2fs",
      [
        "-q", "-t", "ext4", "-b", "4096", "-O", "^metadata_csum\(journal ? "" : ",^has_journal")", "-E",
        "offset=\(offset)", disk,
        "\(megabytes)M",
      ])
    try await tool(
      "debugfs", ["-w", "-f", "/dev/stdin", "\(disk)?offset=\(offset)"], in: scratch.path,
      input: "write file \"the file\"\nwrite file damaged\n")
  }

  func overwrite(_ path: FilePath, at offset: Int, with bytes: [UInt8]) throws {
    let file = try FileDescriptor.open(path, .writeOnly)
    try file.closeAfter { _ = try file.writeAll(toAbsoluteOffset: Int64(offset), bytes) }
  }
}
