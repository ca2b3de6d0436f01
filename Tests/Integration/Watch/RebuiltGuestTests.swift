import FoundationEssentials
import SystemPackage
import Testing

/// Boots of two versions of the demo guest: what `boot-diff` says of them, and what a list of `prefetch` is worth.
@Suite struct RebuiltGuestTests {
  private struct Boots: Sendable {
    var scratch: Scratch
    /// Logs in JSON.
    var first: FilePath
    var second: FilePath
    /// The map of the second version.
    var map: FilePath
  }

  private static let boots = Shared {
    let first = try await Maps.demo.value
    let scratch = try Scratch(shared: "boots-rebuilt")
    let disk = try await Guests.rebuilt.value.appending("guest.vmdk")
    let map = scratch("map")
    let outcome = try await MapperRun()(["-o", map, disk])
    #expect(outcome.end == .exited(0), "\(outcome.errors.text)")
    let boots = Boots(scratch: scratch, first: scratch("first.json"), second: scratch("second.json"), map: map)
    try await DemoBoot.powerOn(
      try await Guests.demo.value.appending("guest.vmdk"), first.file, log: boots.first)
    try await DemoBoot.powerOn(disk, map, log: boots.second)
    return boots
  }

  private struct Answer: Decodable {
    struct Object: Decodable {
      var change: String
      var path: String?
      var before: UInt64
      var after: UInt64
    }

    var share: Double
    var objects: [Object]
  }

  private func bootDiff(_ before: FilePath, _ after: FilePath, _ arguments: [any Word] = []) async throws -> (
    Answer, Outcome.End
  ) {
    let outcome = try await run(try Products.mapper.string, ["boot-diff", before, after, "--json"] + arguments)
    return (try JSONDecoder().decode(Answer.self, from: Data(outcome.output)), outcome.end)
  }

  /// One log is text and the other one JSON, which makes no difference either.
  @Test func twoBootsOfOneImage() async throws {
    let boots = try await Self.boots.value
    let (answer, end) = try await bootDiff(
      try await DemoBoot.of(.temporary).file, boots.first, ["--budget", "+200k"])
    #expect(answer.share < 0.01, "\(answer)")
    #expect(end == .exited(0))
  }

  @Test func aRegressionIsNamed() async throws {
    let boots = try await Self.boots.value
    let (answer, end) = try await bootDiff(boots.first, boots.second, ["--budget", "+4M"])
    let largest = try #require(answer.objects.first)
    #expect(largest.path == "/opt/regression" && largest.change == "new" && largest.after == 5 << 20)
    #expect(answer.objects.dropFirst().allSatisfy { max($0.before, $0.after) <= 64 << 10 }, "\(answer.objects)")
    #expect(end == .exited(1))
    #expect(try await bootDiff(boots.first, boots.second, ["--budget", "+6M"]).1 == .exited(0))
  }

  /// All files have moved, but the list finds them.
  @Test func aListOfTheFirstVersionServesTheSecond() async throws {
    let boots = try await Self.boots.value
    let list = try await run(try Products.mapper.string, ["prefetch", boots.first, "--format", "files"])
    try #require(list.end == .exited(0))
    let file = try boots.scratch.write(list.output, to: "list")
    let old = try await run(try Products.mapper.string, ["prefetch", boots.first])
    let resolved = try await run(try Products.mapper.string, ["prefetch", "--resolve", boots.map, file])
    try #require(resolved.end == .exited(0) && resolved.errors.text == "")
    let needed = try needed(boots.second).filter { !$0.path.hasPrefix("/opt") }
    let share = Self.covered(needed.map(\.range), by: try Self.ranges(resolved.outputLines))
    let unresolved = Self.covered(needed.map(\.range), by: try Self.ranges(old.outputLines))
    print("prefetch: \(share) of the next version's reads, \(unresolved) without --resolve")
    #expect(share >= 0.9)
    #expect(unresolved < 0.5, "the files have not moved")
  }

  /// What the log says was read of the disk, and the path of the first object.
  private func needed(_ log: FilePath) throws -> [(range: Range<UInt64>, path: String)] {
    try LogJSON(contentsOf: log).requests.filter { $0.op == "read" }.flatMap(\.pieces).filter { $0.stale != true }
      .map { piece in
        (piece.offset..<piece.offset + piece.length, piece.objects.first?.path ?? "")
      }
  }

  private static func ranges(_ lines: [String]) throws -> [Range<UInt64>] {
    try lines.map { line in
      let fields = line.split(separator: " ")
      try #require(fields.count == 3 && fields[0] == "1")
      return try #require(UInt64(fields[1], radix: 16))..<(try #require(UInt64(fields[2], radix: 16)))
    }
  }

  /// The share of the sectors of `needed` that are in `ranges`.
  private static func covered(_ needed: [Range<UInt64>], by ranges: [Range<UInt64>]) -> Double {
    let sectors = { (range: Range<UInt64>) in range.lowerBound / 512..<(range.upperBound + 511) / 512 }
    let listed = Set(ranges.flatMap(sectors))
    let wanted = Set(needed.flatMap(sectors))
    return Double(wanted.intersection(listed).count) / Double(wanted.count)
  }
}
