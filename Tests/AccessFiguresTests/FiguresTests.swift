import AccessFigures
import BlockMap
import LogReading
import Testing

struct FiguresTests {
  private static let log = """
    {"time":1.0,"op":"read","disk":1,"connection":1,"offset":0,"length":8192,"result":"ok","latency":10,"pieces":[\
    {"offset":0,"length":4096,"objects":[{"kind":"f","device":"/dev/sda1","path":"/usr/bin/a"},\
    {"kind":"f","device":"/dev/sda1","path":"/usr/bin/b"},{"kind":"p","device":"/dev/sda1"}]},\
    {"offset":4096,"length":4096,"objects":[{"kind":"d","device":"/dev/sda1","path":"/usr"}]}]}
    {"time":2.0,"op":"read","disk":1,"connection":1,"offset":8192,"length":4096,"result":"ok","latency":30,"pieces":[\
    {"offset":8192,"length":4096,"objects":[]}]}
    {"time":1.5,"op":"read","disk":1,"connection":1,"offset":2048,"length":4096,"result":"EIO","latency":20,"pieces":[\
    {"offset":2048,"length":2048,"objects":[{"kind":"f","device":"/dev/sda1","path":"/usr/bin/a"}]},\
    {"offset":4096,"length":2048,"objects":[{"kind":"d","device":"/dev/sda1","path":"/usr"}]}]}
    {"time":3.0,"op":"write","disk":1,"connection":1,"offset":0,"length":512,"result":"ok","latency":40,"pieces":[\
    {"offset":0,"length":512,"stale":true,"objects":[{"kind":"f","device":"/dev/sda1","path":"/usr/bin/a"}]}]}
    {"time":4.0,"op":"flush","disk":1,"connection":1,"offset":0,"length":0,"result":"ok","latency":1,"pieces":[]}

    """

  private func figures(
    selection: ObjectSelection = ObjectSelection(), disk: Int? = nil, log text: String = Self.log
  ) throws -> (AccessFigures, ObjectTable) {
    var parser = LogParser()
    var figures = AccessFigures(selection: selection, disk: disk)
    try Array(text.utf8).withUnsafeBytes { try parser.feed($0) { figures.add($0, $1) } }
    return (figures, parser.objects)
  }

  /// A hostile log can name ranges that no disk has, as often as it likes.
  @Test(.timeLimit(.minutes(1))) func hugeRanges() throws {
    let line = """
      {"op":"read","disk":1,"offset":0,"length":18446744073709551615,"pieces":[\
      {"offset":0,"length":18446744073709551615,"objects":[]}]}
      {"op":"trim","disk":255,"offset":9223372036854775807,"length":4096,"pieces":[\
      {"offset":9223372036854775807,"length":4096,"objects":[]}]}

      """
    let (figures, _) = try figures(log: String(repeating: line, count: 1000))
    #expect(figures.total.reads.distinctBytes == .max && figures.total.writes.distinctBytes == 4_096_000)
  }

  @Test func totals() throws {
    let (figures, _) = try figures()
    #expect(figures.total.reads.requests == 3 && figures.total.reads.bytes == 16384)
    #expect(figures.total.reads.distinctBytes == 12288 && figures.total.reads.repeatedBytes == 4096)
    #expect(figures.total.reads.sequential == 1)
    #expect(figures.total.writes.bytes == 512 && figures.total.writes.distinctBytes == 512)
    #expect(figures.operations[.flush]?.requests == 1)
    #expect(figures.unmapped.reads.bytes == 4096)
    #expect(figures.failed == 1 && figures.stepsBack == 1 && figures.staleBytes == 512)
    #expect(figures.first == 1_000_000_000 && figures.last == 4_000_000_000)
    #expect(figures.kinds[.file]?.reads.bytes == 6144 && figures.kinds[.directory]?.reads.bytes == 6144)
  }

  /// A file with several names is counted once, under the first.
  @Test func objects() throws {
    let (figures, table) = try figures()
    let first = try #require(
      table.find(kind: .file, device: Array("/dev/sda1".utf8), path: Array("/usr/bin/a".utf8)))
    let other = try #require(
      table.find(kind: .file, device: Array("/dev/sda1".utf8), path: Array("/usr/bin/b".utf8)))
    let counts = figures.objects[Int(first.rawValue)]
    #expect(counts.reads.requests == 2 && counts.reads.bytes == 6144 && counts.reads.distinctBytes == 4096)
    #expect(counts.reads.first == 1_000_000_000 && counts.reads.last == 1_500_000_000)
    #expect(counts.writes.bytes == 512)
    #expect(figures.aliases == [first: [other]])
  }

  @Test func directories() throws {
    let (figures, table) = try figures()
    let all = DirectoryFigures(figures, table).all
    let bytes = Dictionary(
      uniqueKeysWithValues: all.map { (String(decoding: $0.key.path, as: UTF8.self), $0.value.reads.bytes) })
    #expect(bytes == ["/": 12288, "/usr": 12288, "/usr/bin": 6144])
  }

  @Test func narrowed() throws {
    let (files, _) = try figures(selection: ObjectSelection(kinds: [.file]))
    #expect(files.total.reads.requests == 2 && files.total.reads.bytes == 6144)
    #expect(files.total.reads.distinctBytes == 4096 && files.operations[.flush] == nil)
    #expect(try figures(disk: 2).0.total.isEmpty)
  }

  @Test func textLog() throws {
    let (figures, _) = try figures(log: "read f /dev/sda1 /a\n 0-200 200-400 0-200\n")
    #expect(!figures.hasTimes && figures.first == 1 && figures.last == 3)
    #expect(figures.total.reads.bytes == 1536 && figures.total.reads.distinctBytes == 1024)
    #expect(figures.total.reads.sequential == 1)
  }

  /// Requests are logged when they are answered, so a slow one is not a clock that goes back.
  @Test func slowRequests() throws {
    let line = { (time: Double, latency: Int) in
      #"{"time":\#(time),"op":"read","disk":1,"offset":0,"length":1,"latency":\#(latency),"pieces":[]}"# + "\n"
    }
    #expect(try figures(log: line(5, 100) + line(1, 5_000_000) + line(5.95, 0)).0.stepsBack == 0)
    #expect(try figures(log: line(5, 100) + line(1, 100) + line(2, 100)).0.stepsBack == 1)
  }

  @Test func latency() {
    var histogram = LatencyHistogram()
    #expect(histogram.quantile(0.5) == nil)
    for latency in UInt64(1)...1000 { histogram.add(latency * 1000) }
    for (share, exact) in [(0.5, 500_000.0), (0.99, 990_000.0), (1, 1_000_000)] {
      let quantile = Double(histogram.quantile(share) ?? 0)
      #expect(abs(quantile - exact) / exact < 0.07, "\(share): \(quantile)")
    }
    let before = histogram
    histogram.add(.max)
    #expect(histogram.since(before).count == 1 && histogram.since(before).quantile(0.5) ?? 0 > 1 << 62)
  }
}
