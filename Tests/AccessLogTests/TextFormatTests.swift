import BlockMap
import Glibc
import Testing

@testable import AccessLog

struct TextFormatTests {
  private func text(_ lines: String, _ ranges: [Range<UInt64>]) throws -> String {
    var log = FormattedLog(TextFormat(), try index(lines))
    return write(ranges, &log)
  }

  private func write(_ ranges: [Range<UInt64>], _ log: inout FormattedLog<TextFormat>) -> String {
    var output: [UInt8] = []
    for range in ranges { log.append(read(range), to: &output) }
    log.endLine(in: &output)
    return String(decoding: output, as: UTF8.self)
  }

  private let guest = """
    1 0 80000 v /dev/sda
    1 1000 80000 p /dev/sda1
    1 10400 20200 f /dev/sda1 /boot/vmlinuz
    1 30000 31000 d /dev/sda1 /usr/share
    1 40000 41000 f /dev/sda1 /a
    1 41000 42000 f /dev/sda1 /b
    """

  @Test func writesAnObjectLineAndThenItsRanges() throws {
    #expect(
      try text(guest, [0x10400..<0x18400, 0x18400..<0x20200, 0x30000..<0x30200, 0..<0x200, 0x80000..<0x80200]) == """
        read f /dev/sda1 /boot/vmlinuz
         10400-18400 18400-20200
        read d /dev/sda1 /usr/share
         30000-30200
        read v /dev/sda
         0-200
        read -
         80000-80200

        """)
  }

  /// A write to space that was reserved for a file names the file, under all its names, also where the map is wrong and
  /// says that the space is free.
  @Test func namesTheFileThatSpaceWasReservedFor() throws {
    let map = guest + "\n1 50000 51000 a@1000 /dev/sda1 /a\n1 50000 51000 a@1000 /dev/sda1 /link to a"
    var log = FormattedLog(TextFormat(offsets: true), try index(map + "\n1 50800 52000 u /dev/sda1"))
    var output: [UInt8] = []
    for range in [0x40e00..<0x41000, 0x50400..<0x50a00, 0x51000..<0x51200] as [Range<UInt64>] {
      log.append(event(.write, range), to: &output)
    }
    log.endLine(in: &output)
    #expect(
      String(decoding: output, as: UTF8.self) == """
        write f /dev/sda1 /a
         40e00-41000 +e00
        write a /dev/sda1 /a
        write a /dev/sda1 /link to a
         50400-50a00 +1400
        write u /dev/sda1
         51000-51200 +800

        """)
  }

  @Test func namesKindsThatAreNotKnown() throws {
    #expect(
      try text(
        guest + "\n1 50000 51000 u /dev/sda1\n1 60000 61000 q /dev/sda1 /x", [0x50000..<0x50200, 0x60000..<0x60200])
          == """
          read u /dev/sda1
           50000-50200
          read q /dev/sda1 /x
           60000-60200

          """)
  }

  @Test func namesEveryObjectOfARequestInDiskOrder() throws {
    #expect(
      try text(guest, [0x3ff00..<0x42100, 0x42000..<0x42001]) == """
        read p /dev/sda1
         3ff00-40000
        read f /dev/sda1 /a
         40000-41000
        read f /dev/sda1 /b
         41000-42000
        read p /dev/sda1
         42000-42100 42000-42001

        """)
  }

  @Test func aBorderOfSomethingBroaderSplitsNoFile() throws {
    let map = """
      1 0 1000 d /dev/sda1 /
      1 0 1800 p /dev/sda1
      1 0 2000 f /dev/sda1 /a
      1 2000 3000 f@5000 /dev/sda1 /a
      """
    #expect(try text(map, [0..<0x3000]) == "read f /dev/sda1 /a\n 0-3000\n")
  }

  @Test func namesThatShareARangeStandTogether() throws {
    let map = """
      1 0 1000 f /dev/sda1 /link
      1 0 1000 f /dev/sda1 /name
      1 0 1000 d /dev/sda1 /
      1 1000 2000 f /dev/sda1 /name
      """
    #expect(
      try text(map, [0..<0x200, 0x200..<0x1200]) == """
        read f /dev/sda1 /link
        read f /dev/sda1 /name
         0-200 200-1000
        read f /dev/sda1 /name
         1000-1200

        """)
  }

  @Test func ofNestedDevicesOnlyTheInnermostIsNamed() throws {
    let map = """
      1 0 1000 v /dev/sda
      1 100 1000 p /dev/sda2
      1 200 1000 p /dev/sda5
      """
    #expect(
      try text(map, [0x80..<0x300]) == """
        read v /dev/sda
         80-100
        read p /dev/sda2
         100-200
        read p /dev/sda5
         200-300

        """)
  }

  @Test func boundsHowManyNamesItWrites() throws {
    let map = (0..<100).map { "1 0 1000 f /dev/sda1 /name\($0)" }.joined(separator: "\n")
    let lines = try text(map, [0..<1]).split(separator: "\n")
    #expect(lines.count == MapIndex.ownersListed + 2)
    #expect(lines[MapIndex.ownersListed] == "# and 36 more")
    #expect(lines.last == " 0-1")
  }

  @Test func escapesNamesAsTheMapDoes() throws {
    #expect(
      try text("1 0 1000 f /dev/a\\040b /c d\\012e\\134f\\377", [0..<1])
        == "read f /dev/a\\040b /c d\\012e\\134f\u{fffd}\n 0-1\n")
  }

  @Test func longLinesGoOnInAnother() throws {
    let ranges = (0..<2000).map { UInt64($0 % 16) + 0x10400..<UInt64($0 % 16) + 0x10500 }
    let lines = try text(guest, ranges).split(separator: "\n")
    #expect(lines.count > 2)
    #expect(lines.filter { $0.hasPrefix("read") }.count == 1)
    #expect(lines.allSatisfy { $0.count < 4200 })
    #expect(lines.dropFirst().flatMap { $0.split(separator: " ") }.count == ranges.count)
  }

  @Test func goesOnAfterAnEndedLineWithoutTheObject() throws {
    var log = FormattedLog(TextFormat(), try index(guest))
    #expect(write([0..<1], &log) == "read v /dev/sda\n 0-1\n")
    #expect(write([1..<2], &log) == " 1-2\n")
    log.restart()
    #expect(write([2..<3], &log) == "read v /dev/sda\n 2-3\n")
    var noMap = FormattedLog(TextFormat(), nil)
    #expect(write([0..<0x200, 5..<5, 0x200..<0x400], &noMap) == "read -\n 0-200 200-400\n")
  }

  @Test func saysWhereInTheirFilesRangesAre() throws {
    let map = """
      1 0 1000 p@40000 /dev/sda1
      1 1000 2000 f@8000 /dev/sda1 /a
      1 2000 3000 f@9000 /dev/sda1 /a
      1 3000 4000 f /dev/sda1 /a
      1 4000 5000 f@100 /dev/sda1 /b
      1 4000 5000 f@2000 /dev/sda1 /c
      """
    var log = FormattedLog(TextFormat(offsets: true), try index(map))
    #expect(
      write([0x800..<0x5800, 0x4200..<0x4400], &log) == """
        read p /dev/sda1
         800-1000 +40800
        read f /dev/sda1 /a
         1000-3000 +8000 3000-4000 +0
        read f /dev/sda1 /b
        read f /dev/sda1 /c
         4000-5000 +100,2000
        read -
         5000-5800
        read f /dev/sda1 /b
        read f /dev/sda1 /c
         4200-4400 +300,2200

        """)
  }

  @Test func aRequestThatFailedIsFollowedByARemark() throws {
    var log = FormattedLog(TextFormat(), try index(guest))
    var output: [UInt8] = []
    for event in [read(0..<0x200), read(0x200..<0x400, errno: EIO), read(0x400..<0x600)] {
      log.append(event, to: &output)
    }
    #expect(
      String(decoding: output, as: UTF8.self)
        == "read v /dev/sda\n 0-200 200-400\n# read 200-400 failed: Input/output error\n 400-600")
  }

  @Test func whatWasWrittenIsStaleFromThenOn() throws {
    var written = WrittenRanges()
    written.insert(0x50000..<0x60000, disk: 1)
    var log = FormattedLog(TextFormat(offsets: true), try index(guest), written: written)
    var output: [UInt8] = []
    for event in [
      event(.write, 0x10800..<0x10a00), read(0x10400..<0x11000), event(.flush, 0..<0), event(.trim, 0x5f000..<0x61000),
      event(.zero, 0x30000..<0x30001, errno: EIO), read(0x30000..<0x30400), event(.flush, 0..<0, errno: EIO),
    ] {
      log.append(event, to: &output)
    }
    log.endLine(in: &output)
    #expect(
      String(decoding: output, as: UTF8.self) == """
        write f /dev/sda1 /boot/vmlinuz
         10800-10a00 +400
        read f /dev/sda1 /boot/vmlinuz
         10400-10800 +0 10800-10a00 +400 stale 10a00-11000 +600
        flush -
        trim p /dev/sda1
         5f000-60000 +5e000 stale 60000-61000 +5f000
        zero d /dev/sda1 /usr/share
         30000-30001 +0
        # zero 30000-30001 failed: Input/output error
        read d /dev/sda1 /usr/share
         30000-30200 +0 stale 30200-30400 +200
        flush -
        # flush failed: Input/output error

        """)
  }
}
