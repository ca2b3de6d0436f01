import DiskImage
import SystemPackage
import Testing

/// Thousands of hostile images. A trap would end the test run. The bytes read may be anything, but the work must be
/// bounded.
struct VMDKFuzzTests {
  /// Opens and reads a file that may not be a disk at all.
  private func use(_ path: FilePath, _ random: inout Seeded) {
    guard let opened = try? openDisk(at: path) else { return }
    let disk = opened.disk
    let offsets = [
      0, disk.size, disk.size &- 1, disk.size / 2, .max, UInt64.random(in: 0...disk.size, using: &random),
      UInt64.random(in: 0...UInt64.max, using: &random),
    ]
    for offset in offsets {
      let count = Int.random(in: 0...70_000, using: &random)
      _ = try? disk.bytes(at: offset, count: count)
      _ = try? disk.bytes(at: offset &- UInt64(count), count: count)
    }
    var seen = 0
    // A damaged disk may claim a size of many terabytes, but no client asks for all of it at once.
    let start = UInt64.random(in: 0...disk.size, using: &random)
    try? disk.extents(in: start..<min(disk.size, start + (1 << 28))) { _ in
      seen += 1
      return seen < 1000
    }
    disk.close()
  }

  /// A number at or near a limit.
  private func nasty(_ length: UInt64, _ random: inout Seeded) -> UInt64 {
    let edges: [UInt64] = [
      0, 1, 2, 127, 128, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 1 << 32, 1 << 53, 1 << 54, 1 << 55, 1 << 62, 1 << 63,
      .max, length / 512, length / 512 + 1, length / 512 - 1, length,
    ]
    let edge = edges[Int.random(in: 0..<edges.count, using: &random)]
    return edge &+ UInt64.random(in: 0...2, using: &random) &- 1
  }

  @Test func sparseFiles() async throws {
    let workspace = try Workspace()
    let raw = try RawImage(workspace, size: 40 << 20, data: [0..<200_000, 34 << 20..<(34 << 20) + 1000])
    let path = workspace("disk.vmdk")
    try await QemuImg.convert(raw, to: "monolithicSparse", at: path)
    let whole = try workspace.contents(of: path)
    let file = try FileDescriptor.open(path, .readWrite)
    defer { try? file.close() }
    var random = Seeded(2024)
    // The header's fields, as offset and size. The other changes are in the directories, in a table, and anywhere in
    // the metadata.
    let fields = [
      (4, 4), (8, 4), (12, 8), (20, 8), (28, 8), (36, 8), (44, 4), (48, 8), (56, 8), (64, 8), (72, 1), (77, 2),
    ]
    for round in 0..<2000 {
      var changed: [(offset: Int, count: Int)] = []
      for _ in 0...Int.random(in: 0...3, using: &random) {
        let offset: Int
        let bytes: [UInt8]
        switch Int.random(in: 0..<4, using: &random) {
        case 0, 1:
          let field = fields[Int.random(in: 0..<fields.count, using: &random)]
          offset = field.0
          bytes = withUnsafeBytes(of: nasty(UInt64(whole.count), &random).littleEndian) { Array($0.prefix(field.1)) }
        case 2:
          // Directories and tables.
          offset = Int.random(in: 21 * 512 / 4..<40 * 512 / 4, using: &random) * 4
          bytes = withUnsafeBytes(of: nasty(UInt64(whole.count), &random).littleEndian) { Array($0.prefix(4)) }
        default:
          offset = Int.random(in: 0..<min(65536, whole.count), using: &random)
          bytes = random.bytes(1)
        }
        changed.append((offset, bytes.count))
        try file.writeAll(toAbsoluteOffset: Int64(offset), bytes)
      }
      if round % 16 == 0 {
        try workspace.truncate(path, to: UInt64.random(in: 1...UInt64(whole.count), using: &random))
      }
      use(path, &random)
      for (offset, count) in changed {
        try file.writeAll(toAbsoluteOffset: Int64(offset), whole[offset..<(offset + count)])
      }
      if round % 16 == 0 { try file.writeAll(toAbsoluteOffset: 0, whole) }
    }
    // The image is intact again, so the test changed only what it meant to.
    try expectSameBytes(openDisk(at: path).disk, openDisk(at: raw.path).disk)
  }

  @Test func descriptors() throws {
    let workspace = try Workspace()
    try workspace.write([UInt8](repeating: 1, count: 4096), to: "flat.bin")
    var writer = SparseWriter(capacity: 128)
    writer.put([4], atSector: 1)
    writer.put([128], atSector: 4)
    try writer.write(workspace, "sparse.bin")
    let seed = Array(
      descriptorText(
        "twoGbMaxExtentSparse",
        ["RW 8 FLAT \"flat.bin\" 0", "RDONLY 128 SPARSE \"sparse.bin\"", "RW 100 ZERO", "NOACCESS 7 ZERO"]
      ).utf8)
    let words = [
      "RW ", "RDONLY", "NOACCESS", " FLAT ", "SPARSE", "ZERO", "\"", "=", "\n", "\r", "\0", "#", " ", "0",
      "18446744073709551615", "36028797018963967", "-1", "../", "/dev/zero", "createType", "custom", "\u{ff}",
    ]
    var random = Seeded(77)
    for _ in 0..<2000 {
      var text = seed
      for _ in 0...Int.random(in: 0...4, using: &random) {
        let position = Int.random(in: 0...text.count, using: &random)
        switch Int.random(in: 0..<5, using: &random) {
        case 0 where position < text.count: text[position] = UInt8.random(in: 0...255, using: &random)
        case 1:
          text.insert(contentsOf: Array(words[Int.random(in: 0..<words.count, using: &random)].utf8), at: position)
        case 2: text.removeSubrange(position..<min(text.count, position + Int.random(in: 0...20, using: &random)))
        case 3: text.insert(contentsOf: text[position..<min(text.count, position + 60)], at: position)
        default: text = Array(text.prefix(max(1, position)))
        }
        if text.isEmpty { text = [0] }
      }
      use(try workspace.write(text, to: "disk.vmdk"), &random)
    }
  }
}
