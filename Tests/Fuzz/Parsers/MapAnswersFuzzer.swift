import Answers
import MapExport

@testable import BlockMap

extension ParserFuzzer {
  /// What is written and computed from any map: exported texts, differences and free space.
  static let mapAnswers = ParserFuzzer("map-answers") { bytes in
    guard let map = parsed(bytes) else { return }
    try checkTexts(of: map)
    try checkFreeSpace(of: map)
    try check(Difference(from: map, to: map).changed().isEmpty, "a map differs from itself")
    // The first lines are another map with some of the same objects.
    guard let half = bytes[..<(bytes.count / 2)].lastIndex(of: 0x0a),
      let other = parsed(UnsafeRawBufferPointer(rebasing: bytes[...half]))
    else { return }
    try checkDifference(Difference(from: other, to: map))
    try checkDifference(Difference(from: map, to: other))
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
