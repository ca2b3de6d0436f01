import SystemPackage
import Testing

@testable import BlockMap

struct IndexTests {
  /// A map of these ranges, each of its own object, with object offsets that the index stores in different ways.
  private func map(_ ranges: [(disk: UInt32, range: Range<UInt64>, kind: ObjectKind)]) throws -> BlockMap {
    var objects = ObjectTable()
    var mapped: [MappedRange] = []
    for (number, range) in ranges.enumerated() {
      let device = Array("/dev/sda\(number)".utf8)
      let id = device.withUnsafeBytes { objects.intern(kind: range.kind, device: $0, path: nil) }
      mapped.append(
        MappedRange(
          disk: range.disk, range: range.range, objectOffset: Self.offsets[number % Self.offsets.count],
          object: try #require(id)))
    }
    mapped.sort { RangeOrder.precedes($0, $1, objects) }
    return BlockMap(disks: [], objects: objects, ranges: mapped, hasOffsets: true)
  }

  private static let offsets: [UInt64] = [
    0, 4096, 1 << 31 - 1, 1 << 31, 1 << 31 + 1, 1 << 40 - 512, 1 << 40, 1 << 63, .max - 511,
  ]

  private struct Found: Equatable {
    var range: Range<UInt64>
    var owners: [Owner]
    var count: Int
    var mostSpecific: Int
  }

  private func query(
    _ index: MapIndex, _ range: Range<UInt64>, disk: Int, _ scratch: inout [Owner]
  ) -> [Found] {
    var found: [Found] = []
    index.forEachPiece(of: range, disk: disk, scratch: &scratch) { piece, owners in
      found.append(
        Found(
          range: piece.range, owners: owners.indices.map { owners[$0] }, count: piece.ownerCount,
          mostSpecific: piece.mostSpecificCount))
    }
    return found
  }

  private func owner(_ map: BlockMap, _ index: Int, at byte: UInt64) -> Owner {
    let mapped = map.ranges[index]
    return Owner(object: mapped.object, offset: mapped.objectOffset &+ (byte - mapped.range.lowerBound))
  }

  /// Whether two ranges are equally specific and, if they are devices, equally long.
  private func isAsSpecific(_ map: BlockMap, _ a: Int, as b: Int) -> Bool {
    let kind = map.objects.kind(of: map.ranges[a].object)
    guard kind.specificity == map.objects.kind(of: map.ranges[b].object).specificity else { return false }
    let isDevice = [.disk, .partition, .logicalVolume].contains(kind)
    return !isDevice || map.ranges[a].range.count == map.ranges[b].range.count
  }

  /// Computes the same answer directly from the definition.
  private func oracle(_ map: BlockMap, _ request: Range<UInt64>, disk: Int) -> [Found] {
    let touched = map.ranges.indices.filter {
      map.ranges[$0].disk == disk && map.ranges[$0].range.overlaps(request)
    }
    var borders: Set<UInt64> = [request.lowerBound, request.upperBound]
    for index in touched {
      for border in [map.ranges[index].range.lowerBound, map.ranges[index].range.upperBound]
      where request.contains(border) {
        borders.insert(border)
      }
    }
    let sorted = borders.sorted()
    return zip(sorted, sorted.dropFirst()).map { start, end in
      let owners = touched.filter { map.ranges[$0].range.contains(start) }
        .sorted { a, b in
          let (kindA, kindB) = (map.objects.kind(of: map.ranges[a].object), map.objects.kind(of: map.ranges[b].object))
          if kindA.specificity != kindB.specificity { return kindA.specificity > kindB.specificity }
          let (lengthA, lengthB) = (map.ranges[a].range.count, map.ranges[b].range.count)
          return lengthA != lengthB ? lengthA < lengthB : a < b
        }
      let listed = owners.prefix(MapIndex.ownersListed)
      return Found(
        range: start..<end, owners: listed.map { owner(map, $0, at: start) }, count: owners.count,
        mostSpecific: listed.count { isAsSpecific(map, $0, as: listed[0]) })
    }
  }

  /// The number of ranges, the size of the disk, and the longest range.
  @Test(
    arguments: [
      (0, 100, 10), (1, 100, 10), (16, 100, 100), (17, 64, 5), (256, 1000, 30), (257, 1000, 1000),
      (1000, 5000, 20), (1000, 100, 100), (5000, 100_000, 100),
    ])
  func answersAsTheDefinitionDoes(count: Int, size: Int, longest: Int) throws {
    var scratch: [Owner] = []
    for _ in 0..<(count > 900 ? 2 : 10) {
      let map = try map(
        (0..<count).map { _ in
          let start = UInt64.random(in: 0..<UInt64(size))
          return (
            UInt32.random(in: 1...3), start..<start + UInt64.random(in: 1...UInt64(longest)),
            ObjectKind.known.randomElement() ?? .file
          )
        })
      let index = MapIndex(map)
      for _ in 0..<50 {
        let start = UInt64.random(in: 0..<UInt64(size))
        let request = start..<start + UInt64.random(in: 1...UInt64(max(1, min(size / 4, 200))))
        let disk = Int.random(in: 0...4)
        let found = query(index, request, disk: disk, &scratch)
        #expect(found == oracle(map, request, disk: disk))
      }
    }
  }

  /// Files with and without gaps between them in partitions on a disk. Some are far apart, some have several names,
  /// and a few partially overlap.
  @Test(arguments: [1 << 12, 1 << 30, 1 << 34] as [UInt64])
  func answersWhereRangesLieInOneAnother(farthest: UInt64) throws {
    var scratch: [Owner] = []
    for _ in 0..<5 {
      var ranges: [(disk: UInt32, range: Range<UInt64>, kind: ObjectKind)] = []
      var offset: UInt64 = 100
      for _ in 0..<4 {
        let first = offset
        for _ in 0..<100 {
          let length = UInt64.random(in: 1...farthest)
          for _ in 0..<(Int.random(in: 0..<8) == 0 ? 3 : 1) { ranges.append((1, offset..<offset + length, .file)) }
          if Int.random(in: 0..<20) == 0 { ranges.append((1, offset + length / 2..<offset + length + 5, .directory)) }
          offset += length + (Bool.random() ? UInt64.random(in: 1...farthest) : 0)
        }
        ranges.append((1, first..<offset, .partition))
        offset += 10
      }
      ranges.append((1, 0..<offset + 1000, .disk))
      let map = try map(ranges)
      let index = MapIndex(map)
      let borders = ranges.flatMap { [$0.range.lowerBound, $0.range.upperBound] }
      for _ in 0..<200 {
        let border = (borders.randomElement() ?? 0) + UInt64.random(in: 0..<3)
        let start = border - min(border, 2)
        let request = start..<start + UInt64.random(in: 1...(Bool.random() ? 4 : 3 * farthest))
        #expect(query(index, request, disk: 1, &scratch) == oracle(map, request, disk: 1))
      }
    }
  }

  /// Thousands of ranges close together, and far from others: checks a lookup on the whole disk against the ranges
  /// nearby.
  @Test func findsWhatLiesCloseTogetherOnALargeDisk() throws {
    var ranges: [(disk: UInt32, range: Range<UInt64>, kind: ObjectKind)] = [(1, 0..<1 << 63, .disk)]
    for (start, step) in [(5, 3), (1 << 40, 4096), (1 << 40 + 1 << 30, 7), (1 << 62, 1 << 34)] as [(UInt64, UInt64)] {
      for number in 0..<3000 as Range<UInt64> {
        let first = start + number * step
        let length = UInt64.random(in: 1...step)
        ranges.append((1, first..<first + length, .file))
        if number % 50 == 0 { ranges.append((1, first + step / 2..<first + length + step / 2, .metadata)) }
      }
    }
    let map = try map(ranges)
    let index = MapIndex(map)
    var scratch: [Owner] = []
    for round in 0..<20_000 {
      let chosen = Int.random(in: 1..<map.ranges.count)
      let start = max(map.ranges[chosen].range.lowerBound + UInt64.random(in: 0..<20), 10) - 10
      let request = start..<start + UInt64.random(in: 1...20)
      let found = query(index, request, disk: 1, &scratch)
      // Only ranges nearby in the order of starts can be here.
      let near = [0] + Array(max(1, chosen - 60)..<min(chosen + 60, map.ranges.count))
      var position = request.lowerBound
      for piece in found {
        #expect(piece.range.lowerBound == position)
        let here = Set(near.filter { map.ranges[$0].range.contains(position) }.map { owner(map, $0, at: position) })
        let isSame = Set(piece.owners) == here && piece.count == here.count
        #expect(isSame, "round \(round), \(piece)")
        let last = piece.range.upperBound - 1
        let others = near.filter { map.ranges[$0].range.contains(last) }
        #expect(others.count == piece.count)
        position = piece.range.upperBound
      }
      #expect(position == request.upperBound)
    }
  }

  @Test func findsWhatTouchesTheEndsOfTheNumbers() throws {
    let map = try map([
      (1, 0..<UInt64.max, .disk), (1, UInt64.max - 1..<UInt64.max, .file), (1, 0..<1, .file),
    ])
    var scratch: [Owner] = []
    let index = MapIndex(map)
    #expect(
      query(index, 0..<UInt64.max, disk: 1, &scratch) == [
        Found(range: 0..<1, owners: [0, 1].map { owner(map, $0, at: 0) }, count: 2, mostSpecific: 1),
        Found(range: 1..<UInt64.max - 1, owners: [owner(map, 1, at: 1)], count: 1, mostSpecific: 1),
        Found(
          range: UInt64.max - 1..<UInt64.max, owners: [2, 1].map { owner(map, $0, at: UInt64.max - 1) }, count: 2,
          mostSpecific: 1),
      ])
    #expect(query(index, 5..<5, disk: 1, &scratch) == [])
    #expect(query(index, 5..<6, disk: 7, &scratch) == [Found(range: 5..<6, owners: [], count: 0, mostSpecific: 0)])
    #expect(query(index, 5..<6, disk: -7, &scratch) == [Found(range: 5..<6, owners: [], count: 0, mostSpecific: 0)])
  }

  /// Many ranges over the same byte: nothing may take quadratic time, and the list of owners stays bounded.
  @Test func standsManyRangesOverOneByte() throws {
    let count = 30_000
    let map = try map(
      (0..<count).map { number in
        (1, UInt64(number)..<UInt64(2 * count - number), number.isMultiple(of: 2) ? .file : .partition)
      })
    let index = expectFast(map, pieces: 2 * count - 1, owners: count)
    var scratch: [Owner] = []
    let found = query(index, UInt64(count)..<UInt64(count) + 1, disk: 1, &scratch)
    #expect(found.count == 1)
    // The narrowest file, which has the last even number.
    #expect(found.first?.owners.first?.object == map.ranges[count - 2].object)
    #expect(found.first?.count == count)
  }

  @Test func standsManyRangesThatAllOverlapInPart() throws {
    let count = 30_000
    let map = try map((0..<count).map { (1, UInt64($0)..<UInt64(count + $0), .file) })
    _ = expectFast(map, pieces: 2 * count, owners: count)
  }

  /// Whenever a range ends, another one that was not listed takes its place.
  @Test func standsManyRangesThatBeginTogether() throws {
    let count = 30_000
    let map = try map((0..<count).map { (1, 0..<UInt64($0 + 1), .file) })
    _ = expectFast(map, pieces: count + 1, owners: count)
  }

  private func expectFast(_ map: BlockMap, pieces: Int, owners most: Int) -> MapIndex {
    var scratch: [Owner] = []
    var pieceCount = 0
    var maximumOwners = 0
    var areListed = true
    let clock = ContinuousClock()
    let start = clock.now
    let index = MapIndex(map)
    index.forEachPiece(of: 0..<UInt64(2 * map.ranges.count), disk: 1, scratch: &scratch) { piece, owners in
      pieceCount += 1
      maximumOwners = max(maximumOwners, piece.ownerCount)
      areListed = areListed && owners.count == min(piece.ownerCount, MapIndex.ownersListed)
    }
    #expect(clock.now - start < .seconds(60))
    #expect(pieceCount == pieces)
    #expect(maximumOwners == most)
    #expect(areListed)
    return index
  }
}
