import FoundationEssentials
import SystemPackage
import Testing

/// Space that is allocated to files but holds none of their bytes is where other tools say.
@Suite struct UnwrittenTests {
  /// A part of a file, in bytes.
  private struct Extent: Hashable, Comparable, CustomStringConvertible {
    var offset: UInt64
    /// The offset in the partition; 0 where it cannot be compared.
    var physical: UInt64
    var length: UInt64

    var description: String { "\(offset)+\(length)@\(physical)" }

    static func < (a: Extent, b: Extent) -> Bool { (a.offset, a.physical) < (b.offset, b.physical) }
  }

  private static let files = ["/tail", "/half", "/kept", "/whole"]
  private static let linuxFiles = files + ["/prealloc", "/dir/link", "/empty", "/sparse", "/striped", "/beyond"]

  /// The `a` lines of a file.
  private func unwritten(
    _ map: MapText, _ partition: Int, _ path: String, _ start: UInt64
  ) -> [Extent] {
    joined(
      map.lines("a", "/dev/sda\(partition)", Array(path.utf8)).map {
        Extent(offset: $0.offset, physical: $0.range.lowerBound - start, length: UInt64($0.range.count))
      })
  }

  private func joined(_ extents: [Extent]) -> [Extent] {
    var result: [Extent] = []
    for extent in extents.sorted() {
      if let last = result.last, last.offset + last.length == extent.offset,
        last.physical + last.length == extent.physical
      {
        result[result.count - 1].length += extent.length
      } else {
        result.append(extent)
      }
    }
    return result
  }

  /// The parts of extents that are unwritten, or beyond the end of the file, rounded up to a block.
  private func unwritten(_ extents: [(Extent, isUnwritten: Bool)], size: UInt64, block: UInt64) -> [Extent] {
    let end = (size + block - 1) / block * block
    return joined(
      extents.compactMap { extent, isUnwritten in
        if isUnwritten || extent.offset >= end { return extent }
        guard extent.offset + extent.length > end else { return nil }
        let skipped = end - extent.offset
        return Extent(offset: end, physical: extent.physical + skipped, length: extent.length - skipped)
      })
  }

  /// filefrag's lines for each file of a partition.
  private func filefrag(_ partition: Int) async throws -> [String: (size: UInt64, [(Extent, isUnwritten: Bool)])] {
    let text = try [UInt8](contentsOf: try await Guests.unwritten.value.appending("filefrag")).text
    var result: [String: (size: UInt64, [(Extent, isUnwritten: Bool)])] = [:]
    var (number, file) = (0, "")
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      if words[0] == "partition" {
        number = Int(words[1]) ?? 0
      } else if words[0] == "file" {
        file = String(words[2])
        if number == partition { result[file] = (UInt64(words[1]) ?? 0, []) }
      } else if number == partition, words[0].hasSuffix(":"), Int(words[0].dropLast()) != nil {
        let numbers = line.split { !$0.isNumber }.compactMap { UInt64($0) }
        let extent = Extent(offset: numbers[1] * 512, physical: numbers[3] * 512, length: numbers[5] * 512)
        result[file]?.1.append((extent, line.contains("unwritten")))
      }
    }
    return result
  }

  @Test(arguments: [false, true]) func itIsWhereFilefragSays(isRead: Bool) async throws {
    let mapped = try await (isRead ? Maps.unwrittenRead : Maps.unwritten).value
    let parts = try await partitions(of: mapped.disk)
    for (partition, block) in [(1, 4096), (2, 1024), (3, 4096), (4, 4096)] as [(Int, UInt64)] {
      let said = try await filefrag(partition)
      #expect(said.count == Self.linuxFiles.count)
      for path in Self.linuxFiles {
        let (size, extents) = try #require(said[path])
        var expected = unwritten(extents, size: size, block: block)
        var found = unwritten(mapped.map, partition, path, parts[partition - 1].lowerBound)
        if partition == 4 {
          // Btrfs reports logical addresses.
          expected = joined(expected.map { Extent(offset: $0.offset, physical: $0.offset, length: $0.length) })
          found = joined(found.map { Extent(offset: $0.offset, physical: $0.offset, length: $0.length) })
        }
        #expect(found == expected, "partition \(partition), \(path)")
        #expect(expected.isEmpty == ["/tail", "/half", "/whole"].contains(path), "partition \(partition), \(path)")
      }
      // More than one call of FIEMAP returns.
      #expect(unwritten(mapped.map, partition, "/beyond", 0).count > 128)
      // ext4 writes zeros to gaps that are too small.
      #expect(unwritten(mapped.map, partition, "/striped", 0).count > (partition == 2 ? 0 : 128))
    }
  }

  /// debugfs and xfs_db read the filesystems without the kernel.
  @Test func itIsWhereDebugfsAndXfsDbSay() async throws {
    let mapped = try await Maps.unwritten.value
    let parts = try await partitions(of: mapped.disk)
    let scratch = try Scratch()
    for (partition, block) in [(1, 4096), (2, 1024)] as [(Int, UInt64)] {
      let said = try await filefrag(partition)
      let image = "\(mapped.disk)?offset=\(parts[partition - 1].lowerBound)"
      for path in Self.linuxFiles {
        let lines = try await tool("debugfs", ["-R", "dump_extents -l \(path)", image]).outputLines
        let extents = lines.compactMap { line -> (Extent, isUnwritten: Bool)? in
          let numbers = line.split { !$0.isNumber }.compactMap { UInt64($0) }
          guard line.contains("/"), numbers.count == 9 else { return nil }
          return (
            Extent(offset: numbers[4] * block, physical: numbers[6] * block, length: numbers[8] * block),
            line.contains("Uninit")
          )
        }
        let expected = unwritten(extents, size: try #require(said[path]).size, block: block)
        let found = unwritten(mapped.map, partition, path, parts[partition - 1].lowerBound)
        #expect(found == expected, "partition \(partition), \(path)")
      }
    }
    let xfs = try await slice(of: mapped.disk, partition: 3, in: scratch)
    let geometry = try await tool("xfs_db", ["-r", "-c", "sb 0", "-c", "print agblocks", xfs]).output.text
    let blocks = try #require(geometry.split(separator: " ").last.flatMap { UInt64($0.filter(\.isNumber)) })
    let said = try await filefrag(3)
    for path in Self.linuxFiles {
      // `data offset 0 startblock 24 (0/24) count 16 flag 1`
      let lines = try await tool("xfs_db", ["-r", "-c", "path \(path)", "-c", "bmap", xfs]).outputLines
      let extents = lines.compactMap { line -> (Extent, isUnwritten: Bool)? in
        let numbers = line.split { !$0.isNumber }.compactMap { UInt64($0) }
        guard numbers.count == 6 else { return nil }
        return (
          Extent(
            offset: numbers[0] * 4096, physical: (numbers[2] * blocks + numbers[3]) * 4096, length: numbers[4] * 4096),
          numbers[5] == 1
        )
      }
      let expected = unwritten(extents, size: try #require(said[path]).size, block: 4096)
      #expect(unwritten(mapped.map, 3, path, parts[2].lowerBound) == expected, "\(path)")
    }
  }

  /// ntfsinfo says how much of a file is initialized, and ntfscluster where it is.
  @Test(arguments: [false, true]) func itIsWhereNtfsToolsSay(isRead: Bool) async throws {
    let mapped = try await (isRead ? Maps.unwrittenRead : Maps.unwritten).value
    let parts = try await partitions(of: mapped.disk)
    let scratch = try Scratch()
    for (partition, cluster) in [(5, 4096), (6, 65536)] as [(Int, UInt64)] {
      let volume = try await slice(of: mapped.disk, partition: partition, in: scratch)
      for path in Self.files + ["/empty"] {
        let information = try await tool("ntfsinfo", ["-f", "-v", "-F", path, volume]).outputLines
        guard let start = information.firstIndex(where: { $0.contains("Dumping attribute $DATA") }) else {
          throw TestFailure("ntfsinfo: \(information)")
        }
        func value(_ name: String) -> UInt64? {
          information[start...].first { $0.contains(name) }?.split { !$0.isNumber }.first.flatMap { UInt64($0) }
        }
        let size = try #require(value("Data size:"))
        let initialized = try #require(value("Initialized size:"))
        let said = try await tool("ntfscluster", ["-f", "-v", "-F", path, volume]).outputLines
        guard let index = said.firstIndex(where: { $0.hasPrefix("    0x80 - ") }) else { throw TestFailure("\(said)") }
        let runs = said[(index + 1)...].compactMap { line -> Extent? in
          let numbers = line.split(separator: " ").compactMap { UInt64($0) }
          guard numbers.count == 3 else { return nil }
          return Extent(offset: numbers[0] * cluster, physical: numbers[1] * cluster, length: numbers[2] * cluster)
        }
        #expect(!runs.isEmpty, "\(path)")
        // Data goes to the end of a page.
        let block: UInt64 = initialized < size ? 1 : 4096
        let expected = unwritten(runs.map { ($0, false) }, size: initialized, block: block)
        #expect(expected.isEmpty == (cluster == 4096 && ["/tail", "/whole"].contains(path)), "\(partition) \(path)")
        let found = unwritten(mapped.map, partition, path, parts[partition - 1].lowerBound)
        #expect(found == expected, "partition \(partition), \(path)")
      }
    }
  }

  /// mshowfat lists the clusters of a file. The `f` lines end with a sector.
  @Test(arguments: [false, true]) func theRestOfTheLastClusterOfFAT(isRead: Bool) async throws {
    let mapped = try await (isRead ? Maps.unwrittenRead : Maps.unwritten).value
    let parts = try await partitions(of: mapped.disk)
    let said = try await tool("minfo", ["-i", "\(mapped.disk)@@\(parts[6].lowerBound)", "::"]).output.text
    func value(_ name: String) throws -> UInt64 {
      try #require(
        said.split(separator: "\n").first { $0.hasPrefix(name) }?.split { !$0.isNumber }.last.flatMap { UInt64($0) })
    }
    let heap = try value("reserved (boot) sectors") + 2 * value("sectors per fat") + 512 * 32 / 512
    for path in Self.files {
      // `::/tail <3-4>`
      let clusters = try await tool("mshowfat", ["-i", "\(mapped.disk)@@\(parts[6].lowerBound)", "::\(path)"])
      let numbers = clusters.output.text.split { !$0.isNumber }.compactMap { UInt64($0) }
      let (first, last) = (try #require(numbers.first), try #require(numbers.last))
      let start = parts[6].lowerBound + (heap + (first - 2) * 16) * 512
      let end = parts[6].lowerBound + (heap + (last - 1) * 16) * 512
      let all =
        (mapped.map.lines("f", "/dev/sda7", Array(path.utf8)) + mapped.map.lines("a", "/dev/sda7", Array(path.utf8)))
        .map(\.range).sorted { $0.lowerBound < $1.lowerBound }
      #expect(all.first?.lowerBound == start && all.last?.upperBound == end, "\(path): \(all)")
      #expect(zip(all, all.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound }, "\(path): \(all)")
      let size = mapped.map.lines("f", "/dev/sda7", Array(path.utf8)).reduce(0) { $0 + UInt64($1.range.count) }
      #expect(size == (["/tail": 5120, "/half": 300_032, "/kept": 10_240, "/whole": 4096][path] ?? 0), "\(path)")
    }
  }

  /// The files of exFAT had been written before their valid length was reduced, so the space still holds their bytes.
  @Test(arguments: [false, true]) func whatIsNotValidOnExFAT(isRead: Bool) async throws {
    let mapped = try await (isRead ? Maps.unwrittenRead : Maps.unwritten).value
    let disk = try FileDescriptor.open(mapped.disk, .readOnly)
    defer { try? disk.close() }
    for (path, valid, size) in [("/half", 150_001, 300_000), ("/kept", 0, 10_000)] as [(String, Int, Int)] {
      let lines = mapped.map.lines("a", "/dev/sda8", Array(path.utf8))
      let first = try #require(lines.first)
      // The data goes to the end of a cluster of 4096 bytes.
      #expect(first.offset == UInt64((valid + 4095) / 4096 * 4096))
      #expect(lines.reduce(first.offset) { $0 + UInt64($1.range.count) } == UInt64((size + 4095) / 4096 * 4096))
      for line in lines {
        let count = min(line.range.count, size - Int(line.offset))
        #expect(try disk.bytes(at: line.range.lowerBound, count: count) == content(path, from: Int(line.offset), count))
      }
    }
    for path in ["/tail", "/whole"] { #expect(mapped.map.lines("a", "/dev/sda8", Array(path.utf8)).isEmpty) }
  }

  /// What `fill_files` in scripts/guest-lib.sh has written.
  private func content(_ path: String, from start: Int, _ count: Int) -> [UInt8] {
    let name = path.dropFirst() + String(repeating: " ", count: 51 - path.count)
    return (start..<start + count).map { offset in
      let number = String(offset / 64)
      let line = "\(name) \(String(repeating: "0", count: 12 - number.count))\(number)\n"
      return Array(line.utf8)[offset % 64]
    }
  }

  /// No byte is both data and unwritten space, and all blocks of a file are one or the other.
  @Test(arguments: [false, true]) func everyBlockIsOneOrTheOther(isRead: Bool) async throws {
    let mapped = try await (isRead ? Maps.unwrittenRead : Maps.unwritten).value
    for partition in 1...8 {
      let device = "/dev/sda\(partition)"
      let all = mapped.map.lines.filter { $0.device.text == device && ["f", "a"].contains($0.kind) }
      #expect(all.count >= 4, "\(device)")
      let cluster: UInt64 = [2: 1024, 6: 65536, 7: 8192][partition] ?? 4096
      for (path, lines) in Dictionary(grouping: all, by: \.path) {
        var (bytes, overlap, end) = (UInt64(0), UInt64(0), UInt64(0))
        for range in lines.map(\.range).sorted(by: { $0.lowerBound < $1.lowerBound }) {
          bytes += range.upperBound - min(range.upperBound, max(range.lowerBound, end))
          overlap += min(end, range.upperBound) - min(end, range.lowerBound)
          end = max(end, range.upperBound)
        }
        #expect(bytes % cluster == 0, "\(device) \(path.text): \(lines)")
        // ntfs-3g reads the whole page in which the initialized bytes end.
        let isAllowed = isRead && ["/dev/sda5 /half", "/dev/sda6 /half"].contains("\(device) \(path.text)")
        #expect(overlap == (isAllowed ? 4096 - 300_000 % 4096 : 0), "\(device) \(path.text): \(lines)")
      }
    }
  }

  @Test func theMapIsProvedAndAnswersForReservedBlocks() async throws {
    let mapped = try await Maps.unwritten.value
    let line = try #require(mapped.map.lines("a", "/dev/sda1", Array("/kept".utf8)).first)
    let answer = try await run(
      try Products.mapper.string,
      ["lookup", mapped.file, "--format", "map", "--offset", String(line.range.lowerBound + 5000)])
    let found = try MapText(answer.output, isAnswer: true)
    #expect(found.lines.prefix(2).map(\.kind) == ["a", "a"])
    #expect(Set(found.lines.prefix(2).map(\.path.text)) == ["/kept", "/dir/link"])
    #expect(found.lines.first?.offset == line.offset + 5000)

    // Space that is said to be free and reserved, and a file that does not exist.
    let scratch = try Scratch()
    let start = String(line.range.lowerBound, radix: 16)
    let end = String(line.range.lowerBound + 4096, radix: 16)
    let text = try [UInt8](contentsOf: mapped.file).text
    let wrong = try scratch.write(
      text + "1 \(start) \(end) u /dev/sda1\n1 \(start) \(end) a /dev/sda5 /nothing\n", to: "wrong.bmap")
    for (map, status, lines) in [
      (mapped.file, 0, []),
      (
        wrong, 1,
        [
          "wrong /dev/sda1 /dir/link: disk 1 at \(start) is also unallocated",
          "wrong /dev/sda1 /kept: disk 1 at \(start) is also unallocated",
          "wrong /dev/sda5 /nothing: it is not in the guest",
        ]
      ),
    ] as [(FilePath, Int32, [String])] {
      let run = try MapperRun()
      let outcome = try await run(["verify", "-q", mapped.disk, map])
      #expect(outcome.end == .exited(status), "\(outcome.errors.text)")
      #expect(outcome.outputLines.map { String($0) }.filter { !$0.isEmpty }.sorted() == lines)
    }
  }
}
