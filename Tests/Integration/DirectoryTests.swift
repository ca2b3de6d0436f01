import SystemPackage
import Testing

/// Directories that have blocks of their own are in the map, and the disk has directories at those offsets.
@Suite struct DirectoryTests {
  /// The first 512 bytes of a range, by which a directory is recognized.
  private func beginning(_ line: MapText.Line, of disk: FilePath) throws -> [UInt8] {
    let file = try FileDescriptor.open(disk, .readOnly)
    return try file.closeAfter { try file.bytes(at: line.range.lowerBound, count: 512) }
  }

  private func directories(_ device: String) async throws -> (MappedGuest, [(ObjectName, [MapText.Line])]) {
    let mapped = try await Maps.layers.value
    let manifest = try Manifest(contentsOf: mapped.disk.removingLastComponent().appending("layers.manifest"))
    let inMap = mapped.map.objects("d")
    let found = manifest.directories.filter { $0.device == device }.map { ($0.name, inMap[$0.name] ?? []) }
    #expect(found.count >= 11)
    return (mapped, found)
  }

  @Test(arguments: ["/dev/sda1", "/dev/vg/root"])
  func ext4(device: String) async throws {
    let (mapped, directories) = try await directories(device)
    for (name, lines) in directories {
      let first = try #require(lines.first { $0.offset == 0 }, "\(name)")
      let bytes = try beginning(first, of: mapped.disk)
      // struct ext4_dir_entry_2: inode, record length 12, name length 1, type directory, ".".
      #expect(Array(bytes[4..<9]) == [12, 0, 1, 2, 0x2e], "\(name)")
    }
  }

  @Test func vfat() async throws {
    let (mapped, directories) = try await directories("/dev/sda2")
    for (name, lines) in directories {
      let first = try #require(lines.first { $0.offset == 0 }, "\(name)")
      let bytes = try beginning(first, of: mapped.disk)
      if name.path == [0x2f] {
        // The root has no ".". Each entry's attributes are those of a long name or of something in the directory.
        #expect(bytes[11] == 0x0f || bytes[11] & 0xc0 == 0, "\(name)")
      } else {
        #expect(bytes.starts(with: Array(".          ".utf8) + [0x10]), "\(name)")
      }
    }
  }

  /// If a page holds several clusters, the kernel reads free ones with those of a directory, or the start of a
  /// directory with the end of the tables. The map has the clusters that The Sleuth Kit says.
  @Test(arguments: [9, 10], [false, true]) func smallClusters(partition number: Int, isRead: Bool) async throws {
    let mapped = try await (isRead ? Maps.unwrittenRead : Maps.unwritten).value
    let start = try await partitions(of: mapped.disk)[number - 1].lowerBound
    let scratch = try Scratch()
    defer { withExtendedLifetime(scratch) {} }
    let image = try await slice(of: mapped.disk, partition: number, in: scratch)
    var count = 0
    var pieces = 0
    for line in try await tool("fls", ["-r", "-p", "-D", "-u", image]).outputLines {
      guard let entry = line.firstMatch(of: /^d\/d ([0-9]+):\t(.*)/) else { continue }
      let details = try await tool("istat", [image, "\(entry.1)"]).output.text
      let list = try #require(details.split(separator: "Sectors:").last)
      let sectors = list.split { $0 == " " || $0 == "\n" }.compactMap { UInt64($0) }
      let lines = mapped.map.lines("d", "/dev/sda\(number)", Array("/\(entry.2)".utf8))
      let found = lines.sorted { $0.offset < $1.offset }.flatMap { line in
        stride(from: (line.range.lowerBound - start) / 512, to: (line.range.upperBound - start) / 512, by: 1)
      }
      #expect(found == sectors, "\(entry.2)")
      count += 1
      pieces += lines.count > 1 ? 1 : 0
    }
    #expect(count == 37 + 3 * 12 && pieces >= 3)
    let device = "/dev/sda\(number)"
    #expect(mapped.map.lines("m", device, Array("lost clusters".utf8)).isEmpty)
  }

  @Test func xfs() async throws {
    let (mapped, directories) = try await directories("/dev/vg/xfs")
    var entries = 0
    var indexes = 0
    for (name, lines) in directories {
      for line in lines {
        let bytes = try beginning(line, of: mapped.disk)
        let magic = bytes.prefix(4)
        if line.offset < 32 << 30 {
          // A block with entries and the index, or with entries only. The first block of all starts with the entry
          // ".".
          #expect(magic.elementsEqual("XDB3".utf8) || magic.elementsEqual("XDD3".utf8), "\(name)")
          #expect((bytes[72..<74] == [1, 0x2e]) == (line.offset == 0), "\(name): \(line)")
          entries += 1
        } else {
          // The index and the lists of free space in the blocks are at offsets of their own, from 32 GiB on.
          let isIndex = [[0x3d, 0xf1], [0x3d, 0xff], [0x3e, 0xbe]].contains(Array(bytes[8..<10]))
          #expect(isIndex || magic.elementsEqual("XDF3".utf8), "\(name): \(line)")
          indexes += 1
        }
      }
    }
    #expect(entries >= 2 && indexes >= 1)
  }

  /// On XFS, a directory smaller than a block is in its inode. Every block of the others must be in the map.
  @Test func everyDirectoryOfXFSThatHasBlocks() async throws {
    let (_, directories) = try await directories("/dev/vg/xfs")
    let oracle = try await LayersOracle.shared.value
    var compared = 0
    for (name, lines) in directories {
      // Too deep for -maxdepth of the oracle's find.
      guard let size = oracle.directorySizes[name] else { continue }
      compared += 1
      let inMap = lines.filter { $0.offset < 32 << 30 }.reduce(0) { $0 + UInt64($1.range.count) }
      #expect(inMap == (size < 4096 ? 0 : size), "\(name): \(lines)")
    }
    #expect(compared >= 25)
  }

  @Test func btrfsAndNTFSHaveTheirDirectoriesToo() async throws {
    for device in ["/dev/sda3", "btrfsvol:/dev/sda3/sub", "/dev/sda4"] {
      let (_, directories) = try await directories(device)
      let found = directories.filter { !$0.1.isEmpty }
      print("\(device): \(found.count) of \(directories.count) directories have ranges")
      #expect(directories.first { $0.0.path == Array("/many".utf8) }?.1.isEmpty == false, "\(device)")
    }
  }
}
