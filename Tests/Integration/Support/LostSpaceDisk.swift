import SystemPackage
import Testing

/// A disk with ext4 with `bigalloc`, and with ext4, FAT16, exFAT, NTFS and XFS on which space is marked as used that
/// nothing uses.
struct LostSpaceDisk {
  let disk: FilePath
  /// Each partition.
  let images: [FilePath]
  /// Where the partitions begin, in bytes.
  let starts: [UInt64]
  /// The file that loses its name or its blocks has 70,000 bytes.
  private static let size = 70_000
  private static let megabytes = [64, 32, 16, 16, 16, 300]

  init(_ scratch: Scratch) async throws {
    images = try zip(["bigalloc", "ext4", "fat", "exfat", "ntfs", "xfs"], Self.megabytes).map {
      try scratch.makeHole($0, size: $1 << 20)
    }
    starts = Self.megabytes.indices.map { UInt64(1 + Self.megabytes[..<$0].reduce(0, +)) << 20 }
    disk = try scratch.makeHole("disk.raw", size: 450 << 20)
    let tree = try scratch.makeDirectory("tree")
    _ = try scratch.makeDirectory("tree/dir")
    try scratch.write(Self.content(Self.size), to: "tree/x")
    try scratch.write(Self.content(300_000), to: "tree/big")
    for number in 1...60 { try scratch.write(Self.content(number * 900), to: "tree/dir/\(number)") }
    try await tool(
      "mke2fs", ["-q", "-t", "ext4", "-b", "4096", "-O", "bigalloc", "-C", "65536", "-d", tree, images[0]])
    try await tool("mke2fs", ["-q", "-t", "ext4", "-b", "4096", "-d", tree, images[1]])
    try await tool("mkfs.vfat", ["-F", "16", "-s", "4", images[2]])
    try await tool("mcopy", ["-i", images[2], tree.appending("x"), tree.appending("big"), "::"])
    try await tool("mkfs.exfat", ["-c", "4K", images[3]])
    try await tool("mkntfs", ["-q", "-F", "-p", "0", "-c", "4096", images[4]])
    try scratch.write("/\n0 0\nd--755 0 0\nx ---644 0 0 \(tree)/x\n$\n", to: "proto")
    try await tool("mkfs.xfs", ["-q", "-f", "-p", scratch("proto"), images[5]])
    try await damage()
    let parts = zip(starts, Self.megabytes).map { "start=\($0 / 512), size=\($1)M\n" }
    try await tool("sfdisk", ["-q", disk], input: "label: gpt\n" + parts.joined())
    for (image, start) in zip(images, starts) {
      try await tool(
        "dd", ["if=\(image)", "of=\(disk)", "bs=1M", "seek=\(start >> 20)", "conv=notrunc,sparse", "status=none"])
    }
  }

  private static func content(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 7) }
  }

  private func damage() async throws {
    // An inode without a name, and blocks without an inode.
    try await tool("debugfs", ["-w", "-f", "/dev/stdin", images[1]], input: "unlink /x\nsetb 6000 20\n")
    // FAT16: more clusters behind those of the first file, which are 2 to 36, and a chain of three clusters.
    let entries: [Int: UInt16] = [
      36: 2000, 2000: 2001, 2001: 2005, 2005: 0xfff8, 1000: 1001, 1001: 1002, 1002: 0xffff,
    ]
    for table in [2048, 2048 + 16384] {
      for (number, next) in entries {
        try write([UInt8(next & 0xff), UInt8(next >> 8)], at: table + 2 * number, to: images[2])
      }
    }
    // exFAT: clusters 98 to 107. The bitmap is at the start of the first cluster.
    try write([0xff, 0x03], at: Int(try exFATHeap) + 12, to: images[3])
    // NTFS: clusters 3600 to 3608.
    let bitmap = try await tool("ntfsinfo", ["-f", "-v", "-i", "6", images[4]]).output.text
    let run = try #require(bitmap.firstMatch(of: /0x[0-9a-f]+\s+0x([0-9a-f]+)\s+0x[0-9a-f]+\n/))
    try write([0xff, 0x01], at: (Int(run.1, radix: 16) ?? 0) * 4096 + 450, to: images[4])
    // XFS: the file no longer has its last 8 blocks.
    try await tool(
      "xfs_db",
      [
        "-x", "-c", "path /x", "-c", "write -d u3.bmx[0].blockcount 10", "-c", "write -d core.nblocks 10", "-c",
        "write -d core.size 40000", images[5],
      ])
  }

  /// The offset of exFAT's first cluster in its partition, in bytes.
  var exFATHeap: UInt64 {
    get throws {
      let boot = try [UInt8](contentsOf: images[3]).prefix(512)
      return boot[88..<92].reversed().reduce(0) { $0 << 8 | UInt64($1) } << UInt64(boot[108])
    }
  }

  private func write(_ bytes: [UInt8], at offset: Int, to path: FilePath) throws {
    let file = try FileDescriptor.open(path, .writeOnly)
    try file.closeAfter { _ = try file.writeAll(toAbsoluteOffset: Int64(offset), bytes) }
  }
}
