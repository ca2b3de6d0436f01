import AccessFigures
import BlockMap
import BootDifference
import LogReading
import Testing

struct BootDifferenceTests {
  private func reads(_ log: String) throws -> BootReads {
    var parser = LogParser()
    var figures = AccessFigures()
    try Array(log.utf8).withUnsafeBytes { try parser.feed($0) { figures.add($0, $1) } }
    return BootReads(figures, parser.objects)
  }

  private func summary(_ difference: BootDifference) -> [String] {
    difference.entries.map { entry in
      let path = entry.object.map { String(decoding: $0.path ?? [], as: UTF8.self) } ?? "-"
      return "\(entry.change) \(entry.before) \(entry.after) \(path)"
    }
  }

  @Test func everyChange() throws {
    let before = try reads(
      """
      read f /dev/sda1 /same
       0-1000
      read f /dev/sda1 /lib/gone
       1000-2000
      read f /dev/sda1 /lib/more
       2000-2200 2000-2200
      read f /dev/sda1 /lib/less
       3000-4000
      read -
       8000-8200

      """)
    let after = try reads(
      """
      read f /dev/sda1 /new
       9000-f000
      read f /dev/sda1 /lib/more
       2000-2800
      read f /dev/sda1 /lib/less
       3000-3200
      read f /dev/sda1 /same
       f000-10000
      read -
       8000-8400
      write f /dev/sda1 /written
       20000-30000

      """)
    let difference = BootDifference(before: before, after: after)
    #expect(
      summary(difference) == [
        "new 0 24576 /new", "gone 4096 0 /lib/gone", "less 4096 512 /lib/less", "more 512 2048 /lib/more",
        "more 512 1024 -",
      ])
    #expect(
      difference.directories.map { "\($0.before) \($0.after) \(String(decoding: $0.name.path, as: UTF8.self))" } == [
        "12800 31232 /", "8704 2560 /lib",
      ])
    #expect(BootDifference(before: before, after: before).entries.isEmpty)
    #expect(BootDifference(before: before, after: before).share == 0)
    #expect(BootDifference(before: try reads("flush -\n"), after: before).share == nil)
  }

  /// The names of a file can come in another order after a rebuild.
  @Test func hardLinks() throws {
    let before = try reads("read f /dev/sda1 /a\nread f /dev/sda1 /b\n 0-1000\n")
    let after = try reads("read f /dev/sda1 /b\nread f /dev/sda1 /a\n 5000-6000\n")
    #expect(BootDifference(before: before, after: after).entries.isEmpty)
    #expect(BootDifference(before: after, after: before).entries.isEmpty)
  }
}
