import SystemPackage
import Testing

/// Cached volumes, with blocks that only the cache has.
@Suite struct CacheTests {
  /// In bytes.
  private static let block: UInt64 = 65536
  /// The disk's number in the map.
  private static let disk: UInt64 = 2

  /// A cached volume: where it and its cache are on the disk, and what cache_dump says of the cache.
  private struct Cached {
    var origin: Range<UInt64>
    var cache: Range<UInt64>
    /// From a block of the volume to one of the cache, and whether it is dirty.
    var blocks: [UInt64: (stored: UInt64, isDirty: Bool)] = [:]
  }

  private func cached(_ volume: String, _ guest: ThinGuest) async throws -> Cached {
    let parts = ["_fast_cvol-c", "_pool_cpool_c"].map { "cg-\(volume)\($0)" }
    let name = try #require(parts.first { try !guest.lines(of: "\($0)data").isEmpty })
    var result = Cached(origin: try guest.range(of: "cg-\(volume)_corig"), cache: try guest.range(of: "\(name)data"))
    for element in try await guest.dump("cache_dump", guest.range(of: "\(name)meta"), of: "cache.raw") {
      guard let origin = element["origin_block"].flatMap({ UInt64($0) }), let isDirty = element["dirty"],
        let stored = element["cache_block"].flatMap({ UInt64($0) })
      else { continue }
      // It was not deactivated, so all blocks count as dirty.
      result.blocks[origin] = (stored, isDirty == "true" || volume == "open")
    }
    return result
  }

  /// The blocks of the volume that have a range on a part of the disk: where they are there.
  private func blocks(_ lines: [MapText.Line], in part: Range<UInt64>) -> [UInt64: UInt64] {
    var result: [UInt64: UInt64] = [:]
    for line in lines where part.contains(line.range.lowerBound) {
      for offset in stride(from: 0, to: UInt64(line.range.count), by: Int(Self.block)) {
        result[(line.offset + offset) / Self.block] = (line.range.lowerBound + offset - part.lowerBound) / Self.block
      }
    }
    return result
  }

  @Test(arguments: ThinGuest.cached) func blocks(volume: String) async throws {
    let guest = try await ThinGuest.mapped.value
    let cached = try await cached(volume, guest)
    let device = "/dev/cg/\(volume)"
    let lines = guest.map.lines("l", device)
    #expect(blocks(lines, in: cached.cache) == cached.blocks.mapValues(\.stored) && cached.blocks.count > 20)

    // What is not in the volume itself is exactly what is dirty.
    let all = Set(0..<UInt64(cached.origin.count) / Self.block)
    let inVolume = blocks(lines, in: cached.origin)
    #expect(inVolume.allSatisfy { $0.key == $0.value })
    let dirty = all.subtracting(inVolume.keys)
    #expect(Set(blocks(guest.map.lines("m", device, Array("stale blocks".utf8)), in: cached.origin).keys) == dirty)
    #expect(dirty.isSubset(of: cached.blocks.keys))
    let state = try #require(guest.lines(of: "cg-\(volume)").first { $0.count > 14 && $0[4] == "8" })
    switch volume {
    case "old", "open": #expect(dirty == Set(cached.blocks.filter(\.value.isDirty).keys) && dirty.count > 10)
    // cache_dump 0.9 takes no block for dirty if the metadata has version 2. The kernel said how many there are.
    case "dirty": #expect(dirty.count == Int(state[14]) && dirty.count > 5)
    default: #expect(dirty.isEmpty)
    }
  }

  /// The map's ranges of a volume hold what the guest read from it, in each copy.
  @Test(arguments: ThinGuest.cached) func content(volume: String) async throws {
    let guest = try await ThinGuest.mapped.value
    let cached = try await cached(volume, guest)
    let rebuild = Rebuild(disk: guest.directory.appending("cache.raw"))
    let lines = guest.map.lines("l", "/dev/cg/\(volume)")
    let size = UInt64(cached.origin.count)
    let inCache = lines.filter { cached.cache.contains($0.range.lowerBound) }
    let others = lines.filter { !cached.cache.contains($0.range.lowerBound) }
    let content = try rebuild.bytes(size: size, of: others + inCache)
    #expect(try rebuild.bytes(size: size, of: inCache + others) == content)
    let scratch = try Scratch()
    let sum = try await tool("sha256sum", [try scratch.write(content, to: "volume")]).output.text.prefix(64)
    let sums = try [UInt8](contentsOf: guest.directory.appending("sums")).text
    #expect(sums.contains("\(sum)  /dev/cg/\(volume)\n"))
    // The volume itself is not what the guest reads.
    if volume != "through" {
      let stale = try FileDescriptor.open(rebuild.disk, .readOnly).closeAfterBytes(of: cached.origin)
      #expect(stale != content)
    }
  }

  @Test(arguments: ThinGuest.cached) func files(volume: String) async throws {
    try await ThinGuest.mapped.value.checkFiles(of: "/dev/cg/\(volume)", on: "cache.raw", are: volume)
  }
}
