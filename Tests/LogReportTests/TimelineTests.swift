import AccessLog
import BlockMap
import Testing

@testable import LogReport

@Suite struct TimelineTests {
  private func access(
    _ time: UInt64, _ start: UInt64, _ length: UInt64 = 512, object: UInt32 = 0, kind: ObjectKind = .file,
    disk: UInt8 = 1, _ operation: Operation = .read
  ) -> Access {
    Access(
      time: time, start: start, length: length, object: ObjectID(rawValue: object), kind: kind, disk: disk,
      operation: operation)
  }

  @Test func isSortedByDiskAndTime() {
    var timeline = Timeline()
    for time: UInt64 in [5, 1, 3] { for disk: UInt8 in [2, 1] { timeline.add(access(time, 0, disk: disk)) } }
    timeline.sort()
    #expect(timeline.accesses.map { "\($0.disk) \($0.time)" } == ["1 1", "1 3", "1 5", "2 1", "2 3", "2 5"])
    #expect(timeline.counts == (6, 6))
  }

  /// Whatever was added is within an access of the same disk, kind and operation that is close to it.
  @Test func manyAccessesAreJoined() {
    var timeline = Timeline(maximum: 1000)
    var added: [Access] = []
    for number in 0..<20_000 as Range<UInt64> {
      let isWrite = number % 7 == 0
      let new = access(
        number * 1_000_000, UInt64.random(in: 0..<1 << 40) & ~511, object: UInt32(number),
        kind: number % 5 == 0 ? .metadata : .file, disk: UInt8(number % 3) + 1, isWrite ? .write : .read)
      added.append(new)
      timeline.add(new)
    }
    timeline.sort()
    #expect(timeline.counts.seen == 20_000)
    #expect((400..<1000).contains(timeline.counts.drawn))
    for one in added {
      let isThere = timeline.accesses.contains {
        $0.disk == one.disk && $0.kind == one.kind && $0.operation == one.operation && $0.time <= one.time
          && $0.start <= one.start && $0.end >= one.end
      }
      #expect(isThere)
    }
  }

  /// Cells cannot grow beyond the numbers, and a hostile log may have anything in any order.
  @Test func extremes() {
    var timeline = Timeline(maximum: 10)
    for number in 0..<100 as Range<UInt64> {
      let isOdd = number % 2 == 1
      timeline.add(
        access(
          isOdd ? .max : 0, isOdd ? .max : number, isOdd ? 0 : .max - number,
          kind: ObjectKind.all[Int(number) % ObjectKind.all.count], disk: UInt8(number % 250)))
      #expect(timeline.counts.drawn < 10)
    }
    timeline.sort()
    #expect(timeline.counts.seen == 100)
  }

  /// The page has positions and lengths in 32 bits.
  @Test func unitsOfTheLanes() throws {
    let sizes: [(UInt64, UInt64)] = [
      (512, 1), (1 << 32 - 1, 1), (1 << 32, 2), (100 << 30, 32), (2 << 40, 1024), (.max, 1 << 32),
    ]
    for (size, unit) in sizes {
      let lane = try #require(PageLane.all([access(0, 0, size)]).first)
      #expect(lane.size == size && lane.unit == unit, "\(size)")
      #expect(UInt64(lane.length(access(0, 0, size))) >= size / unit)
      #expect(UInt64(lane.position(access(0, size - 1))) == (size - 1) / unit)
    }
    let two = PageLane.all([access(0, 0), access(1, 4096), access(0, 8192, disk: 3)])
    #expect(two.map(\.range) == [0..<2, 2..<3] && two.map(\.disk) == [1, 3] && two.map(\.size) == [4608, 8704])
    #expect(PageLane.all([]).isEmpty)
  }
}
