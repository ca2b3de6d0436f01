import SystemPackage
import Testing

/// Disks with ext4, FAT16 and NTFS, on which some clusters of the file `/big` are marked as free.
struct FreedFiles {
  let disks: [FilePath]

  /// In bytes.
  static let size: UInt64 = 400_000
  static let content = (0..<Int(size)).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 7) }

  init(_ scratch: Scratch) async throws {
    let tree = try scratch.makeDirectory("tree")
    let big = try scratch.write(Self.content, to: "tree/big")
    let (ext, fat, ntfs) = (
      try scratch.makeHole("ext.raw", size: 32 << 20), try scratch.makeHole("fat.raw", size: 32 << 20),
      try scratch.makeHole("ntfs.raw", size: 32 << 20)
    )
    disks = [ext, fat, ntfs]
    try await tool("mke2fs", ["-q", "-t", "ext4", "-b", "4096", "-d", tree, ext])
    let list = try await tool("debugfs", ["-R", "blocks /big", ext]).output.text
    let block = try #require(list.split { $0 == " " || $0 == "\n" }.dropFirst(4).first)
    try await tool("debugfs", ["-w", "-R", "freeb \(block) 5", ext])

    // The last cluster: the chain ends with it, whatever its entry says. The table is at 2048.
    try await tool("mkfs.vfat", ["-F", "16", "-s", "4", fat])
    try await tool("mcopy", ["-i", fat, big, "::"])
    let last = 2 + (Int(Self.size) + 2047) / 2048 - 1
    try write([0, 0], at: 2048 + 2 * last, to: fat)

    try await tool("mkntfs", ["-q", "-F", "-p", "0", "-c", "4096", ntfs])
    try await tool("ntfscp", ["-q", ntfs, big, "/big"])
    let bitmap = try await cluster("-i", "6", ntfs)
    try write([0], at: bitmap * 4096 + (try await cluster("-F", "/big", ntfs)) / 8 + 1, to: ntfs)
  }

  /// The first cluster of the data of a file on NTFS.
  private func cluster(_ option: String, _ file: String, _ image: FilePath) async throws -> Int {
    let text = try await tool("ntfsinfo", ["-f", "-v", option, file, image]).output.text
    let run = try #require(text.matches(of: /0x[0-9a-f]+\s+0x([0-9a-f]+)\s+0x[0-9a-f]+\n/).last)
    return try #require(Int(run.1, radix: 16))
  }

  private func write(_ bytes: [UInt8], at offset: Int, to path: FilePath) throws {
    let file = try FileDescriptor.open(path, .writeOnly)
    try file.closeAfter { _ = try file.writeAll(toAbsoluteOffset: Int64(offset), bytes) }
  }
}
