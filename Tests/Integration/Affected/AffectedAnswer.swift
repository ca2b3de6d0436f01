import FoundationEssentials
import SystemPackage
import TestSupport
import Testing

/// The JSON of `virt-bmap affected`.
struct AffectedAnswer: Decodable {
  struct Object: Decodable {
    var bytes: UInt64
    var device: String?
    var kind: String?
    var path: String?
    var lost: UInt64
    var readable: UInt64
    var start: UInt64
    var size: UInt64?
    var use: String
  }
  struct Total: Decodable {
    var bytes: UInt64
    var lost: UInt64
  }
  var bytes: UInt64
  var lost: UInt64
  var ranges: Int
  var objects: [Object]
  var uses: [String: Total]

  /// Asks about ranges of the first disk.
  static func of(_ ranges: [Range<UInt64>], in map: FilePath) async throws -> AffectedAnswer {
    let lines = ranges.map { "\($0.lowerBound)-\($0.upperBound)\n" }.joined()
    let outcome = try await run(try Products.mapper.string, ["affected", map, "-", "--json"], input: lines)
    #expect(outcome.end == .exited(0) && outcome.errors.text == "", "\(outcome.errors.text)")
    return try JSONDecoder().decode(AffectedAnswer.self, from: Data(outcome.output))
  }
}

/// How many bytes a list has of an object, and how many of them have a copy outside of it.
struct ExpectedHit: Equatable {
  var bytes: UInt64 = 0
  var readable: UInt64 = 0
}

extension StoredVolume {
  /// Ranges in all copies of the device: half of them anywhere, and half where the map has a line for the device. If
  /// there are copies, a third of the ranges are also in another copy.
  func randomRanges(_ count: Int, _ map: MapText, _ random: inout Seeded) -> [Range<UInt64>] {
    let lines = map.lines.filter { $0.disk == 1 && $0.device.text == device && "fdam".contains($0.kind) }
    var ranges: [Range<UInt64>] = []
    while ranges.count < count {
      guard let pieces = copies.randomElement(using: &random), let piece = pieces.randomElement(using: &random) else {
        return ranges
      }
      let place = ranges.count.isMultiple(of: 2) ? lines.randomElement(using: &random)?.range : piece.onDisk
      let within = (place ?? piece.onDisk).lowerBound / 512..<((place ?? piece.onDisk).upperBound + 511) / 512
      let start = UInt64.random(in: within, using: &random) * 512
      let range = start..<start + 512 * UInt64.random(in: 1...64, using: &random)
      ranges.append(range)
      if copies.count > 1, ranges.count.isMultiple(of: 3), let twin = twin(of: range) { ranges.append(twin) }
    }
    return ranges
  }

  /// Compares what the answer says about this device's files with what their owners have.
  /// - Parameters:
  ///   - ranges: of the disk, without overlaps.
  ///   - owners: the names that have each sector of the device.
  ///   - kinds: the kinds that the owners are about.
  ///   - unknown: names that the owners are not about.
  /// - Returns: how many files were compared.
  func compare(
    _ answer: AffectedAnswer, _ ranges: [Range<UInt64>], owners: [UInt64: Set<String>], kinds: Set<String>,
    unknown: Set<String> = []
  ) -> Int {
    var expected: [String: ExpectedHit] = [:]
    for (sector, count) in sectors(in: ranges) {
      for name in owners[sector] ?? [] where Self.isComparable(name) {
        expected[name, default: ExpectedHit()].bytes += UInt64(count) * 512
        if count < copies.count { expected[name, default: ExpectedHit()].readable += UInt64(count) * 512 }
      }
    }
    var found: [String: ExpectedHit] = [:]
    var starts: [String: UInt64] = [:]
    for object in answer.objects where object.device == device {
      guard let path = object.path, let kind = object.kind, kinds.contains(kind), path.hasPrefix("/"),
        Self.isComparable(path), !unknown.contains(path)
      else { continue }
      found[path, default: ExpectedHit()].bytes += object.bytes
      found[path, default: ExpectedHit()].readable += object.readable
      starts[path] = min(starts[path] ?? .max, object.start)
    }
    for (path, hit) in expected { #expect(found[path] == hit, "\(device) \(path)") }
    for (path, hit) in found where expected[path] == nil {
      // Some tools know one name of each file.
      let isNamed = found.contains { expected[$0.key] != nil && $0.value == hit && starts[$0.key] == starts[path] }
      #expect(isNamed, "\(device) \(path): \(hit)")
    }
    return expected.count
  }

  /// Names that the tools print as they are.
  private static func isComparable(_ path: String) -> Bool {
    path.utf8.count < 1000 && path != "/" && !path.hasPrefix("/names/")
      && path.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7f && $0 != 0x5c }
  }
}
