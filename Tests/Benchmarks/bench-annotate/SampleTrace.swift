import SystemPackage

/// A trace of random reads of 4 KiB of a disk of 1 TiB.
struct SampleTrace: Sendable {
  let name: String
  let requests: Int
  /// The lines of a request: its number, its offset in bytes, and its time in nanoseconds.
  let lines: @Sendable (Int, UInt64, Int) -> [String]

  static let all = [
    SampleTrace(name: "blkparse, completions", requests: 2_000_000) { number, offset, time in
      [blkparse("C", number, offset, time, "0")]
    },
    SampleTrace(name: "blkparse, all stages", requests: 500_000) { number, offset, time in
      ["Q", "G", "I", "D"].map { blkparse($0, number, offset, time, "qemu-system-x86") }
        + [blkparse("C", number, offset, time + 80_000, "0")]
    },
    SampleTrace(name: "perf script, issue and completion", requests: 1_000_000) { _, offset, time in
      let (sector, start, end) = (offset / 512, seconds(time, 6), seconds(time + 80_000, 6))
      return [
        " qemu-system-x86 23028 [000] \(start):    block:block_rq_issue: 8,0 R 4096 () \(sector) + 8 0x2,0,4 [qemu]",
        "     ksoftirqd/0    14 [000] \(end): block:block_rq_complete: 8,0 R () \(sector) + 8 0x2,0,4 [0]",
      ]
    },
    SampleTrace(name: "qemu", requests: 2_000_000) { _, offset, time in
      let event = "1731@\(seconds(time, 6)):blk_co_preadv blk 0x55fa8705d6c0 bs 0x55fa87060080"
      return ["\(event) offset \(offset) bytes 4096 flags 0x8"]
    },
    SampleTrace(name: "nbdkit", requests: 1_000_000) { number, offset, time in
      let start = "2026-11-30 18:45:\(seconds(time % 60_000_000_000, 6)) connection=1 "
      return [
        "\(start)Read id=\(number) offset=0x\(String(offset, radix: 16)) count=0x1000 ...",
        "\(start)...Read id=\(number) return=0",
      ]
    },
  ]

  private static func blkparse(
    _ action: String, _ number: Int, _ offset: UInt64, _ time: Int, _ last: String
  ) -> String {
    "  8,0    \(number % 4) \(number) \(seconds(time, 9)) 12345  \(action)   R \(offset / 512) + 8 [\(last)]"
  }

  private static func seconds(_ nanoseconds: Int, _ digits: Int) -> String {
    let fraction = String(nanoseconds % 1_000_000_000)
    let padded = String(repeating: "0", count: 9 - fraction.utf8.count) + fraction
    return "\(nanoseconds / 1_000_000_000).\(padded.prefix(digits))"
  }

  /// - Returns: how many lines were written.
  func write(to path: String) throws -> Int {
    let file = try FileDescriptor.open(
      FilePath(path), .writeOnly, options: [.create, .truncate], permissions: [.ownerReadWrite])
    return try file.closeAfter {
      var count = 0
      var random: UInt64 = 42
      var block: [UInt8] = []
      for number in 1...requests {
        random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        for line in lines(number, (random >> 36) << 12, number * 1000) {
          block += line.utf8
          block.append(0x0a)
          count += 1
        }
        guard block.count > 1 << 20 || number == requests else { continue }
        try file.writeAll(block)
        block.removeAll(keepingCapacity: true)
      }
      return count
    }
  }
}
