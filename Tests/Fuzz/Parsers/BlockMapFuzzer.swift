import SystemPackage

@testable import BlockMap

extension ParserFuzzer {
  /// A map's text, its index, and look-ups in it.
  static let blockMap = ParserFuzzer("block-map") { bytes in
    let map: BlockMap
    do throws(MapError) {
      var parser = MapParser(path: "fuzz.bmap")
      // The buffer ends where the input does, so AddressSanitizer detects an access past its end.
      try parser.parse(bytes)
      map = try parser.finish(endsInNewline: bytes.last == 0x0a)
    } catch {
      try check(!"\(error)".isEmpty, "an error that says nothing")
      return
    }
    try checkRanges(of: map)
    let index = MapIndex(map)
    var scratch: [Owner] = []
    for range in map.ranges.prefix(8) {
      for request in [range.range, around(range.range), 0..<UInt64.max] {
        try checkPieces(index, request, disk: Int(range.disk), &scratch)
      }
    }
    try checkPieces(index, 0..<1 << 20, disk: 1, &scratch)
  }

  private static func checkRanges(of map: BlockMap) throws {
    for range in map.ranges {
      try check(!range.range.isEmpty, "an empty range")
      if let size = map.size(ofDisk: Int(range.disk)) {
        try check(range.range.upperBound <= size, "a range beyond the end of its disk")
      }
    }
  }

  private static func around(_ range: Range<UInt64>) -> Range<UInt64> {
    let start = range.lowerBound > 512 ? range.lowerBound - 512 : 0
    let end = range.lowerBound.addingReportingOverflow(4096)
    return start..<(end.overflow ? UInt64.max : end.partialValue)
  }

  /// Checks that pieces have no gaps and the expected number of owners.
  private static func checkPieces(
    _ index: MapIndex, _ request: Range<UInt64>, disk: Int, _ scratch: inout [Owner]
  ) throws {
    guard !request.isEmpty else { return }
    var position = request.lowerBound
    var count = 0
    do {
      try index.forEachPiece(of: request, disk: disk, scratch: &scratch) { piece, owners in
        try check(piece.range.lowerBound == position && !piece.range.isEmpty, "a gap at \(position) of \(request)")
        try check(owners.count == min(piece.ownerCount, MapIndex.ownersListed), "owners are missing")
        position = piece.range.upperBound
        count += 1
        if count > 10_000 { throw Enough() }
      }
    } catch is Enough {
      return
    }
    try check(position == request.upperBound, "\(request) ends at \(position)")
  }

  private struct Enough: Error {}
}
