import Glibc
import SystemPackage
import Testing

/// What partition tables, LVM, md, DDF and LUKS leave unused, and volumes whose data is found in metadata.
@Suite struct VolumesTests {
  private static let disks = ["table.raw", "lvm.raw", "md.raw", "ddf0.raw", "ddf1.raw", "luks.raw"]

  private struct Mapped: Sendable {
    var directory: FilePath
    var map: MapText
    var outcome: Outcome
  }

  private static let mapped = Shared {
    let directory = try await Guests.volumes.value
    let run = try MapperRun()
    let file = Products.package.appending(".build/integration/volumes.bmap")
    let outcome = try await run(
      ["-q", "--key", "all:key:key", "-o", file] + disks.map { directory.appending($0) })
    try await run.expectNothingLeft()
    return Mapped(directory: directory, map: try MapText(contentsOf: file), outcome: outcome)
  }

  @Test func nothingIsMissing() async throws {
    let mapped = try await Self.mapped.value
    #expect(mapped.outcome.end == .exited(0), "\(mapped.outcome.errors.text)")
    #expect(mapped.outcome.errors.text == "")
  }

  /// Outside of filesystems, every byte has a name.
  @Test func everyByteIsAccountedFor() async throws {
    let mapped = try await Self.mapped.value
    let filesystems = Set(
      mapped.map.comments.filter { $0.hasSuffix("type=ext4") || $0.hasSuffix("type=ext4 encrypted=yes") }.map {
        Array($0.split(separator: " ")[2].utf8)
      })
    #expect(filesystems.count >= 12)
    for disk in 1...UInt64(Self.disks.count) {
      var position: UInt64 = 0
      let covered = mapped.map.lines.filter { line in
        line.disk == disk && (!"vpl".contains(line.kind) || line.kind != "v" && filesystems.contains(line.device))
      }
      for line in covered.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
        #expect(line.range.lowerBound <= position, "\(Self.disks[Int(disk) - 1]): nothing from \(position)")
        position = max(position, line.range.upperBound)
      }
      let size = try FileDescriptor.open(mapped.directory.appending(Self.disks[Int(disk) - 1]), .readOnly)
        .closeAfterSize()
      #expect(position == size)
    }
  }

  /// Unallocated space and what has a name do not overlap on the same device.
  @Test func freeSpaceIsFree() async throws {
    let lines = try await Self.mapped.value.map.lines
    for (device, free) in Dictionary(grouping: lines.filter { $0.kind == "u" }, by: \.device) {
      for line in lines where line.device == device && "mbs".contains(line.kind) {
        #expect(
          !free.contains { $0.disk == line.disk && $0.range.overlaps(line.range) }, "\(device.text): \(line)")
      }
    }
  }

  /// sfdisk says which sectors of a disk are in no partition.
  @Test(arguments: ["table.raw", "lvm.raw", "md.raw"])
  func freeSectors(disk: String) async throws {
    let mapped = try await Self.mapped.value
    let number = UInt64((Self.disks.firstIndex(of: disk) ?? 0) + 1)
    let device = "/dev/sd\(Character(UnicodeScalar(UInt8(0x60 + number))))"
    let text = try await tool("sfdisk", ["--list-free", mapped.directory.appending(disk)])
    // Start End Sectors Size. The last sector may already be the first of a logical partition.
    let free = text.outputLines.compactMap { line -> Range<UInt64>? in
      let words = line.split(separator: " ")
      guard words.count == 4, let first = UInt64(words[0]), let last = UInt64(words[1]) else { return nil }
      return first * 512..<last * 512
    }
    #expect(!free.isEmpty)
    let own = mapped.map.lines.filter { $0.disk == number && $0.device == Array(device.utf8) }
    let ours = own.filter { $0.kind == "u" }
    // The records of logical partitions are in free space.
    let tables = own.filter { $0.path.starts(with: "EBR".utf8) }
    for range in free {
      let covered = (ours + tables).reduce(0) { $0 + $1.range.clamped(to: range).count }
      #expect(covered == range.count, "\(range)")
    }
    // sfdisk leaves out what is before the first sector that it would use.
    let unit: UInt64 = 1 << 20
    for line in ours where line.range.count > 2 * unit {
      #expect(free.contains { $0.overlaps(line.range) }, "\(line)")
    }
  }

  /// The extents that LVM says are free, and no others.
  @Test func freeExtents() async throws {
    let mapped = try await Self.mapped.value
    let dump = try [UInt8](contentsOf: mapped.directory.appending("lvm.dump")).text
    var checked = [true: 0, false: 0]
    // PV VG Fmt Attr PSize PFree Start SSize [LV] Role 1st-PE Start; extents have 4 MiB.
    for fields in dump.split(separator: "\n").map({ $0.split(separator: " ") }) {
      guard fields.count >= 11, fields[2] == "lvm2", let first = UInt64(fields[6]), let count = UInt64(fields[7]),
        let number = fields[0].last, let part = mapped.map.lines("p", "/dev/sdb\(number)").first
      else { continue }
      let isFree = fields.count == 11
      let start = part.range.lowerBound + 1 << 20 + first << 22
      let segment = start..<start + count << 22
      let free = mapped.map.lines("u", "/dev/sdb\(number)").filter { $0.range.overlaps(segment) }
        .map { $0.range.clamped(to: segment) }
      #expect(free == (isFree ? [segment] : []), "\(fields)")
      checked[isFree, default: 0] += 1
    }
    #expect(checked[true] == 2 && checked[false] == 10)
    #expect(!mapped.map.lines("m", "/dev/sdb2", Array("vg/mirror_rmeta_0".utf8)).isEmpty)
    let spare = mapped.map.lines.filter { $0.kind == "m" && $0.path == Array("vg/lvol0_pmspare".utf8) }
    let metadata = mapped.map.lines.filter { $0.kind == "m" && $0.path == Array("vg/pool_tmeta".utf8) }
    #expect(spare.map(\.range.count) == [4 << 20] && metadata.map(\.range.count) == [4 << 20])
  }

  /// Where thin_dump says that each block of the thin volumes is.
  @Test func thinBlocks() async throws {
    let mapped = try await Self.mapped.value
    let dump = try await tool("thin_dump", [mapped.directory.appending("dump/pool_tmeta")])
    var expected: [String: [UInt64: UInt64]] = [:]
    var device = ""
    for line in dump.outputLines {
      let fields = Dictionary(
        line.matches(of: #/([a-z_]+)="([0-9]*)"/#).map { (String($0.1), UInt64($0.2) ?? 0) }, uniquingKeysWith: { $1 })
      if let id = fields["dev_id"] { device = ["", "thin1", "thin2", "extern"][Int(min(id, 3))] }
      if let data = fields["data_begin"], let start = fields["origin_begin"] {
        for block in 0..<fields["length", default: 0] { expected[device, default: [:]][start + block] = data + block }
      } else if let data = fields["data_block"], let start = fields["origin_block"] {
        expected[device, default: [:]][start] = data
      }
    }
    let pool = try tables(mapped)["vg-pool_tdata", default: []]
    #expect(expected.keys.sorted() == ["extern", "thin1", "thin2"] && !pool.isEmpty)
    for (name, blocks) in expected {
      var found: [UInt64: UInt64] = [:]
      for line in mapped.map.lines("l", "/dev/vg/\(name)") {
        for offset in stride(from: 0, to: UInt64(line.range.count), by: 65536) {
          let position = line.range.lowerBound + offset
          // What is not in the pool is the external origin's.
          guard let part = pool.first(where: { $0.disk.contains(position) }) else { continue }
          found[(line.offset + offset) / 65536] = (position - part.disk.lowerBound + part.start) / 65536
        }
      }
      #expect(found == blocks, "\(name)")
    }
    let used = Set(expected.values.flatMap(\.values))
    let free = mapped.map.lines.filter { $0.kind == "u" && $0.device == Array("/dev/vg/pool".utf8) }
      .reduce(0) { $0 + $1.range.count }
    let all = pool.reduce(0) { $0 + $1.disk.count }
    #expect(free == all - used.count * 65536)
  }

  /// The segments of each device in the group: its offset, and the range of the disk.
  private func tables(_ mapped: Mapped) throws -> [String: [(start: UInt64, disk: Range<UInt64>)]] {
    let dump = try [UInt8](contentsOf: mapped.directory.appending("lvm.dump")).text
    let partitions = mapped.map.lines.filter { $0.kind == "p" && $0.device.text.hasPrefix("/dev/sdb") }
    var result: [String: [(UInt64, Range<UInt64>)]] = [:]
    for line in dump.split(separator: "\n") {
      let fields = line.split(separator: " ")
      guard fields.count == 6, fields[3] == "linear", fields[0].hasSuffix(":"), let start = UInt64(fields[1]),
        let count = UInt64(fields[2]), let offset = UInt64(fields[5]),
        let minor = fields[4].split(separator: ":").last.flatMap({ Int($0) }),
        let part = partitions.first(where: { $0.device.text.last?.wholeNumberValue == minor % 16 })
      else { continue }
      let first = part.range.lowerBound + offset * 512
      result[String(fields[0].dropLast()), default: []].append((start * 512, first..<first + count * 512))
    }
    return result
  }

  /// Every file of every filesystem has the bytes that were written, on thin volumes and snapshots, too.
  @Test(
    arguments: [
      ("plain", ["file7"], [("changed", "file10")]), ("thin1", [], []),
      ("thin2", (10...19).map { "file\($0)" }, [("other", "file12")]), ("extern", ["file15"], [("own", "file11")]),
      ("snap", [], [("changed2", "file9")]),
    ] as [(String, [String], [(String, String)])])
  func files(volume: String, removed: [String], added: [(String, String)]) async throws {
    let mapped = try await Self.mapped.value
    let rebuild = Rebuild(disk: mapped.directory.appending("lvm.raw"))
    let files = mapped.map.objects("f").filter { $0.key.device == "/dev/vg/\(volume)" }
    var expected = Dictionary(uniqueKeysWithValues: (0..<20).map { ("file\($0)", "file\($0)") })
    for name in removed { expected[name] = nil }
    for (name, source) in added { expected[name] = source }
    #expect(Set(files.keys.map { String($0.path.text.dropFirst()) }) == Set(expected.keys))
    for (name, source) in expected {
      let content = try [UInt8](contentsOf: mapped.directory.appending("tree/\(source)"))
      let lines = files[ObjectName(device: "/dev/vg/\(volume)", path: Array("/\(name)".utf8))] ?? []
      #expect(try rebuild.bytes(size: UInt64(content.count), of: lines) == content, "\(volume): \(name)")
    }
  }

  @Test func arraysAreObjects() async throws {
    let lines = try await Self.mapped.value.map.lines
    let arrays = Set(lines.filter { $0.kind == "l" && $0.device.text.hasPrefix("/dev/md") }.map(\.device.text))
    #expect(arrays.count == 6, "\(arrays)")
    let names = Set(lines.filter { $0.kind == "m" && $0.disk >= 3 && $0.disk <= 5 }.map(\.path.text))
    for name in [
      "md superblock", "write-intent bitmap", "bad block log", "partial parity log", "journal", "DDF metadata",
    ] { #expect(names.contains(name), "\(name)") }
  }
}

extension FileDescriptor {
  /// The size of the file, in bytes. Closes it.
  fileprivate func closeAfterSize() throws -> UInt64 {
    try closeAfter { UInt64(try seek(offset: 0, from: .end)) }
  }
}
