import Glibc
import SystemPackage

/// Filesystems that are hard to read from start to end, made without mounting anything.
struct UnusualFilesystems {
  let scratch: Scratch

  /// ext4 on a whole disk that was not unmounted cleanly: `/dir/after`, of 300,000 bytes, and `/small` exist only in
  /// its journal, with their directories, inodes and data.
  /// - Returns: the disk, and another one in the state after the journal has been replayed.
  func dataInJournal() async throws -> (disk: FilePath, replayed: FilePath) {
    let disk = try scratch.makeHole("journal.raw", size: 32 << 20)
    try scratch.write(Self.content, to: "after")
    try scratch.write("small\n", to: "small")
    try await tool("mke2fs", ["-q", "-t", "ext4", "-b", "4096", disk])
    let replayed = scratch("replayed.raw")
    try await tool("cp", ["--sparse=always", disk, replayed])
    try await debugfs(replayed, "mkdir dir\nwrite after dir/after\nwrite small small\n")
    let (old, new) = (try [UInt8](contentsOf: disk), try [UInt8](contentsOf: replayed))
    // Without the superblock, which says whether the journal has to be replayed.
    let changed = (1..<old.count / 4096).filter {
      old[$0 * 4096..<$0 * 4096 + 4096] != new[$0 * 4096..<$0 * 4096 + 4096]
    }
    try scratch.write(changed.flatMap { new[$0 * 4096..<$0 * 4096 + 4096] }, to: "blocks")
    try await debugfs(
      disk, "jo -c -v 3\njw -b \(changed.map(String.init).joined(separator: ",")) blocks\njc\n")
    return (disk, replayed)
  }

  /// Two partitions. On the first, FAT32 whose tables extend beyond the partition's end; the kernel has to read them
  /// to find out how much is free. On the second, ext4 with:
  ///
  /// - `/lastlog` and `/hole`, files of 1 and 3 TiB that are holes, but for a few bytes at the end of `/lastlog`;
  /// - `/scattered`, in 300 pieces with holes of 2 GiB between them;
  /// - `/large`, 20 MiB without holes;
  /// - `/plain`, whose inode says that its size is 16,000 GiB.
  /// - Returns: the disk, and the contents of `/plain`, which are also those of `/dir/after` in `dataInJournal`.
  func damagedAndSparse() async throws -> (disk: FilePath, content: [UInt8]) {
    let disk = try scratch.makeHole("sparse.raw", size: 100 << 20)
    try await tool(
      "sfdisk", ["-q", disk], input: "label: dos\nstart=2048, size=2M, type=c\nstart=16384, size=64M, type=83\n")
    let fat = try scratch.makeHole("fat.raw", size: 512 << 20)
    try await tool("mkfs.vfat", ["-F", "32", "-s", "1", fat])
    // Mark the number of free clusters as unknown.
    try write([0xff, 0xff, 0xff, 0xff], at: 512 + 488, to: fat)
    try await tool("dd", ["if=\(fat)", "of=\(disk)", "bs=1M", "count=2", "seek=1", "conv=notrunc", "status=none"])

    let tree = try scratch.makeDirectory("tree")
    try scratch.write(Self.content, to: "tree/plain")
    try scratch.write(
      (0..<20 << 17).flatMap { number in (0..<8).map { UInt8(truncatingIfNeeded: number >> $0) } }, to: "tree/large")
    try scratch.makeHole("tree/hole", size: 3 << 40)
    try scratch.makeHole("tree/lastlog", size: 1 << 40)
    try write(Array("the last login".utf8), at: 1 << 40, to: scratch("tree/lastlog"))
    try scratch.makeHole("tree/scattered", size: 600 << 30)
    for piece in 0..<300 {
      try write(Array("piece \(piece)".utf8), at: piece << 31 + piece % 7 * 4096, to: scratch("tree/scattered"))
    }
    let filesystem = try scratch.makeHole("ext4.raw", size: 64 << 20)
    try await tool("mke2fs", ["-q", "-t", "ext4", "-b", "4096", "-d", tree, filesystem])
    try await debugfs(filesystem, "sif /plain size 17179869184000\n")
    try await tool("dd", ["if=\(filesystem)", "of=\(disk)", "bs=1M", "seek=8", "conv=notrunc,sparse", "status=none"])
    return (disk, Self.content)
  }

  /// ext4 on a whole disk with `/plain` and a directory encrypted by fscrypt, which holds a file and a directory with
  /// another file. Nobody has the key. The kernel takes anything with this inode flag and this attribute for
  /// encrypted.
  /// - Returns: the disk, and the ranges of the files on it, by their sizes.
  func encrypted() async throws -> (disk: FilePath, ranges: [Int: [Range<UInt64>]]) {
    let disk = try scratch.makeHole("encrypted.raw", size: 32 << 20)
    try scratch.write(Self.content, to: "content")
    try scratch.write(Array(Self.content.prefix(50_000)), to: "other")
    // fscrypt_context_v2: AES-256-XTS and CTS, and the identifier of a key that does not exist.
    try scratch.write([2, 1, 4, 2, 0, 0, 0, 0] + (0..<32).map { UInt8($0) }, to: "context")
    try await tool("mke2fs", ["-q", "-t", "ext4", "-b", "1024", "-O", "encrypt,^metadata_csum", disk])
    // Encrypted names have at least 16 bytes.
    let (outer, inner) = ("/locked", "/locked/a directory that is")
    let (file, other) = ("\(outer)/a file of 300000 bytes", "\(inner)/a file of 50000 bytes")
    try await debugfs(
      disk,
      """
      write content plain
      mkdir \(outer)
      mkdir "\(inner)"
      write content "\(file)"
      write other "\(other)"
      fallocate "\(other)" 60 99

      """)
    var ranges: [Int: [Range<UInt64>]] = [:]
    for path in [outer, inner, file, other] {
      try await debugfs(disk, "sif \"\(path)\" flags 0x80800\nea_set -f context \"\(path)\" user.c\n")
      let said = try await tool("debugfs", ["-R", "imap \"\(path)\"", disk]).output.text
      guard let match = try /block ([0-9]+), offset (0x[0-9a-f]+)/.firstMatch(in: said), let block = Int(match.1),
        let offset = Int(match.2.dropFirst(2), radix: 16)
      else { throw TestFailure("debugfs: \(said)") }
      // debugfs cannot set attributes in the namespace of encryption, so change the namespace afterwards. The
      // attribute is the first in the inode, after the extra fields.
      try write([9], at: block * 1024 + offset + 128 + 32 + 4 + 1, to: disk)
    }
    for (path, size) in [(file, 300_000), (other, 50_000)] {
      let said = try await tool("debugfs", ["-R", "blocks \"\(path)\"", disk]).output.text
      ranges[size] = said.split(whereSeparator: \.isWhitespace).compactMap { UInt64($0) }.map {
        $0 << 10..<($0 + 1) << 10
      }
    }
    return (disk, ranges)
  }

  private static let content = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }

  private func debugfs(_ filesystem: FilePath, _ commands: String) async throws {
    try await tool("debugfs", ["-w", "-f", "/dev/stdin", filesystem], in: scratch.path, input: commands)
  }

  private func write(_ bytes: [UInt8], at offset: Int, to path: FilePath) throws {
    let file = try FileDescriptor.open(path, .writeOnly)
    try file.closeAfter { _ = try file.writeAll(toAbsoluteOffset: Int64(offset), bytes) }
  }
}
