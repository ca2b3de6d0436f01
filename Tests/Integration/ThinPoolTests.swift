import SystemPackage
import Testing

/// Twenty thin volumes in one pool, most of them snapshots of others that were changed afterwards.
@Suite struct ThinPoolTests {
  /// In bytes.
  private static let block: UInt64 = 65536

  /// Where thin_dump says that each block of each volume is: from a block of the volume to one of the pool.
  private static let dumped = Shared {
    let guest = try await ThinGuest.mapped.value
    let elements = try await guest.dump("thin_dump", guest.range(of: "tg-pool_tmeta"), of: "thin.raw")
    var result: [String: [UInt64: UInt64]] = [:]
    var volume = ""
    for element in elements {
      let number = { (key: String) in element[key].flatMap { UInt64($0) } }
      if let id = number("dev_id") { volume = ThinGuest.thin[Int(id) - 1] }
      if let start = number("origin_begin"), let data = number("data_begin"), let count = number("length") {
        for index in 0..<count { result[volume, default: [:]][start + index] = data + index }
      } else if let start = number("origin_block"), let data = number("data_block") {
        result[volume, default: [:]][start] = data
      }
    }
    return result
  }

  @Test func nothingIsMissing() async throws {
    let guest = try await ThinGuest.mapped.value
    #expect(guest.outcome.end == .exited(0) && guest.outcome.errors.text == "", "\(guest.outcome.errors.text)")
    let summary = try await tool(try Products.mapper.string, ["summary", "--unaccounted", guest.file])
    #expect(summary.output.text == "")
  }

  @Test func blocks() async throws {
    let guest = try await ThinGuest.mapped.value
    let dumped = try await Self.dumped.value
    let pool = try guest.range(of: "tg-pool_tdata")
    #expect(Set(dumped.keys) == Set(ThinGuest.thin))
    for (volume, expected) in dumped {
      var found: [UInt64: UInt64] = [:]
      for line in guest.map.lines("l", "/dev/tg/\(volume)") {
        #expect(pool.contains(line.range.lowerBound) && line.range.upperBound <= pool.upperBound)
        for offset in stride(from: 0, to: UInt64(line.range.count), by: Int(Self.block)) {
          found[(line.offset + offset) / Self.block] = (line.range.lowerBound + offset - pool.lowerBound) / Self.block
        }
      }
      #expect(found == expected, "\(volume)")
    }
  }

  /// What no volume uses is unallocated.
  @Test func freeBlocks() async throws {
    let guest = try await ThinGuest.mapped.value
    let pool = try guest.range(of: "tg-pool_tdata")
    let used = Set(try await Self.dumped.value.values.flatMap(\.values))
    let free = guest.map.lines("u", "/dev/tg/pool").flatMap { line in
      stride(from: line.range.lowerBound, to: line.range.upperBound, by: Int(Self.block)).map {
        ($0 - pool.lowerBound) / Self.block
      }
    }
    #expect(Set(free) == Set(0..<UInt64(pool.count) / Self.block).subtracting(used))
  }

  /// Each volume that shares a block says what all of the block's bytes are for it.
  @Test func sharedBlocks() async throws {
    let guest = try await ThinGuest.mapped.value
    let pool = try guest.range(of: "tg-pool_tdata")
    var owners: [UInt64: Set<String>] = [:]
    for (volume, blocks) in try await Self.dumped.value {
      for data in blocks.values { owners[data, default: []].insert(volume) }
    }
    let shared = owners.filter { $0.value.count > 1 }
    #expect(shared.count > 500 && shared.values.contains { $0.count > 5 } && owners.count > shared.count + 100)

    var named: [String: [(range: Range<UInt64>, isFile: Bool)]] = [:]
    for line in guest.map.lines where line.disk == 1 && line.device.starts(with: "/dev/tg/v".utf8) && line.kind != "l" {
      named[String(line.device.text.dropFirst(8)), default: []].append((line.range, line.kind == "f"))
    }
    var filesOfSeveral = 0
    for (volume, ranges) in named {
      var position: UInt64 = 0
      var end: [UInt64: UInt64] = [:]
      // The lines are sorted by their start.
      for range in ranges.map(\.range) where range.upperBound > position {
        for data in (range.lowerBound - pool.lowerBound) / Self.block...(range.upperBound - 1 - pool.lowerBound)
          / Self.block
        {
          let start = pool.lowerBound + data * Self.block
          let known = end[data] ?? start
          guard max(range.lowerBound, start) <= known else { continue }
          end[data] = max(known, min(range.upperBound, start + Self.block))
        }
        position = max(position, range.upperBound)
      }
      for (data, volumes) in shared where volumes.contains(volume) {
        #expect(end[data] == pool.lowerBound + (data + 1) * Self.block, "\(volume): block \(data)")
      }
    }
    for data in shared.keys {
      let range = pool.lowerBound + data * Self.block..<pool.lowerBound + (data + 1) * Self.block
      let count = named.values.count { $0.contains { $0.isFile && $0.range.overlaps(range) } }
      if count > 1 { filesOfSeveral += 1 }
    }
    #expect(filesOfSeveral > 50)
  }

  @Test(arguments: ThinGuest.thin) func files(volume: String) async throws {
    try await ThinGuest.mapped.value.checkFiles(of: "/dev/tg/\(volume)", on: "thin.raw", are: volume)
  }

  @Test func verifies() async throws {
    let guest = try await ThinGuest.mapped.value
    let run = try MapperRun()
    let words: [any Word] = ["verify"]
    let outcome = try await run(words + guest.disks + [guest.file])
    #expect(outcome.end == .exited(0), "\(outcome.output.text)\(outcome.errors.text)")
  }

  /// One line for each volume that is lost, and everything else is mapped.
  @Test func damage() async throws {
    let guest = try await ThinGuest.broken.value
    #expect(guest.outcome.end == .exited(3))
    let pool = "cannot be activated: the metadata of the thin pool dg/a seems to be damaged; "
    let expected = [
      "/dev/dg/a1: this volume \(pool)on a copy of the disk, try lvconvert --repair",
      "/dev/dg/a2: this volume \(pool)on a copy of the disk, try lvconvert --repair",
      "/dev/sg/fastless: this volume cannot be activated: its volume group lacks the physical volume *; give that disk, too",
      "/dev/dg/b1: the metadata of the thin pool /dev/dg/b cannot be used: it is damaged in block *: it is not mapped",
      "/dev/dg/c1: the metadata of the thin pool /dev/dg/c cannot be used: it is damaged in block *: it is not mapped",
      "/dev/dg/c2: the metadata of the thin pool /dev/dg/c cannot be used: it is damaged in block *: it is not mapped",
    ]
    let said = guest.outcome.errorLines.map { line in
      line.replacing(#/physical volume [-A-Za-z0-9]+/#, with: "physical volume *")
        .replacing(#/in block [0-9]+/#, with: "in block *")
    }
    #expect(said == expected.map { "virt-bmap: warning: \($0)" })
    for (device, disk) in [("dg/plain", "damaged.raw"), ("dg/b2", "damaged.raw"), ("sg/whole", "slow.raw")] {
      try guest.checkFiles(of: "/dev/\(device)", on: disk, are: "plain")
    }
  }
}
