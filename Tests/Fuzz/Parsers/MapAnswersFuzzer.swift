import Answers
import Bytes
import MapExport

@testable import BlockMap

extension ParserFuzzer {
  /// What is written and computed from any map: exported texts, sums, what a list of ranges hits, and differences.
  static let mapAnswers = ParserFuzzer("map-answers") { bytes in
    guard let map = parsed(bytes) else { return }
    try checkTexts(of: map)
    try checkFreeSpace(of: map)
    try checkSummary(of: map)
    try checkAffected(in: map)
    try checkChanges(from: map, to: map)
    try check(Difference(from: map, to: map).changed().isEmpty, "a map differs from itself")
    // The first lines are another map with some of the same objects.
    guard let half = bytes[..<(bytes.count / 2)].lastIndex(of: 0x0a),
      let other = parsed(UnsafeRawBufferPointer(rebasing: bytes[...half]))
    else { return }
    try checkDifference(Difference(from: other, to: map))
    try checkDifference(Difference(from: map, to: other))
    try checkChanges(from: other, to: map)
    try checkChanges(from: map, to: other)
  }

  private static func parsed(_ bytes: UnsafeRawBufferPointer) -> BlockMap? {
    var parser = MapParser(path: "fuzz.bmap")
    guard (try? parser.parse(bytes)) != nil else { return nil }
    return try? parser.finish(endsInNewline: bytes.last == 0x0a)
  }

  /// Counts the lines of a text.
  private struct Lines: TextOutput {
    var count = 0
    var isPrintable = true

    mutating func append(_ body: (inout [UInt8]) -> Void) {
      var text: [UInt8] = []
      body(&text)
      count += text.count { $0 == 0x0a }
      isPrintable = isPrintable && text.allSatisfy { ($0 >= 0x20 && $0 != 0x7f) || $0 == 0x0a || $0 == 0x0d }
      isPrintable = isPrintable && String(validating: text, as: UTF8.self) != nil
    }
  }

  private static func checkTexts(of map: BlockMap) throws {
    for format in TextFormat.allCases {
      var lines = Lines()
      try format.write(ExportSource(map), to: &lines)
      try check(lines.isPrintable, "\(format) has bytes that are not printable")
      switch format {
      case .jsonl: try check(lines.count == map.ranges.count, "\(lines.count) lines")
      case .csv: try check(lines.count == map.ranges.count + 1, "\(lines.count) lines")
      case .dfxml: try check(lines.count > 8, "\(lines.count) lines")
      }
    }
  }

  private static func checkFreeSpace(of map: BlockMap) throws {
    let space = try FreeSpace(map, disks: nil)
    var totals = SpaceTotals()
    for disk in SpaceSweep.totals(of: map.ranges, sizes: map.sizes, kind: { map.objects.kind(of: $0) }) {
      totals += disk
    }
    try check(totals[.free] == .max || totals[.free] == space.total.free, "\(space.total.free) bytes are free")
  }

  /// Each byte of a disk counts once.
  private static func checkSummary(of map: BlockMap) throws {
    let summary = MapSummary(map)
    for (disk, size) in zip(summary.disks, map.sizes) {
      try check(disk.totals.size == size, "\(disk.totals.size) of \(size) bytes")
    }
  }

  /// The whole first disk, and every other sector of its start.
  private static func checkAffected(in map: BlockMap) throws {
    guard let size = map.sizes.first, size > 0 else { return }
    try checkAffected(in: map, [0..<size])
    try checkAffected(in: map, stride(from: 0, to: min(size, 65536), by: 1024).map { $0..<min($0 + 512, size) })
  }

  private static func checkAffected(in map: BlockMap, _ ranges: [Range<UInt64>]) throws {
    let affected = Affected(map, ranges: ranges, disk: 1)
    let bytes = ranges.reduce(0) { $0 + ($1.upperBound - $1.lowerBound) }
    try check(affected.totals.size == bytes, "\(affected.totals.size) of \(bytes) bytes")
    for use in SpaceUse.allCases {
      try check(affected.lost[use] <= affected.totals[use], "\(use): more is lost than there was")
    }
    for hit in affected.hits {
      try check(hit.bytes > 0 && hit.lost <= hit.bytes && hit.readable <= hit.bytes, "\(hit)")
      try check(hit.size.map { hit.bytes <= $0 } ?? true, "\(hit)")
    }
  }

  private static func checkChanges(from old: BlockMap, to new: BlockMap) throws {
    guard let size = new.sizes.first, size > 0 else { return }
    var classifier = try ChangeClassifier(old: MapIndex(old), new: MapIndex(new), bytes: nil)
    try classifier.add(0..<size, disk: 1)
    let totals = classifier.report.totals
    let sum = ChangeCategory.allCases.reduce(0) { $0 + totals[$1] }
    try check(sum == size, "\(sum) of \(size) bytes")
  }

  /// Every object of both maps is in one entry, and those of a pair are of the same kind.
  private static func checkDifference(_ difference: Difference) throws {
    for id in difference.new.objects.ids {
      let entry = difference.entry(ofNew: id)
      try check(entry.new == id && entry.change != .vanished, "\(entry)")
      try check((entry.change == .appeared) == (entry.old == nil), "\(entry)")
      guard let old = entry.old else { continue }
      try check(difference.old.objects.kind(of: old) == difference.new.objects.kind(of: id), "\(entry)")
      try check(entry.change == .linked || difference.entry(ofOld: old) == entry, "\(entry)")
    }
    for id in difference.old.objects.ids {
      let entry = difference.entry(ofOld: id)
      try check(entry.old == id && (entry.change == .vanished) == (entry.new == nil), "\(entry)")
    }
  }
}
