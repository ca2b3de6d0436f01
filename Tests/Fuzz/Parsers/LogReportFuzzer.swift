import Bytes
import LogReading

@testable import LogReport

extension ParserFuzzer {
  /// A log of either form, and all that is written about it.
  static let logReport = ParserFuzzer("log-report") { bytes in
    var report = LogReport(withTimeline: true)
    var parser = LogParser()
    var perfetto = PerfettoTrace()
    var trace: [UInt8] = []
    do {
      try parser.feed(bytes) { request, objects in
        report.add(request, objects)
        _ = perfetto.append(request, objects, to: &trace)
      }
      _ = try parser.finish()
    } catch is LogError { return }
    report.finish()
    perfetto.append(report.throughput, to: &trace)
    let objects = parser.objects
    var page = Written()
    try HTMLPage(report, objects, log: Array(bytes.prefix(100)), remarks: []).write(to: &page)
    try check(page.count("<script") == 8 && page.count("</script") == 8, "a name is read as markup")
    var json = Written()
    try FiguresJSON.write(report, objects, lost: parser.lost, isPartial: false, to: &json)
    var csv = Written()
    try ObjectCSV.write(report.figures, objects, to: &csv)
    var folded = Written()
    try FoldedStacks.write(report.figures, objects, by: .bytes, to: &folded)
    for text in [json, csv, folded] { try check(text.isPrintable, "bytes that are not printable") }
    _ = SummaryText.text(report.figures, objects, phases: report.phases.all)
    try check(report.throughput.reads.count <= 4096, "\(report.throughput.reads.count) steps")
  }

  private struct Written: TextOutput {
    private var text: [UInt8] = []

    mutating func append(_ body: (inout [UInt8]) -> Void) { body(&text) }

    var isPrintable: Bool {
      text.allSatisfy { ($0 >= 0x20 && $0 != 0x7f) || $0 == 0x0a || $0 == 0x0d }
        && String(validating: text, as: UTF8.self) != nil
    }

    /// How often these characters occur.
    func count(_ part: String) -> Int {
      let wanted = Array(part.utf8)
      var (count, rest) = (0, text[...])
      while let found = rest.firstIndex(of: wanted[0]) {
        if rest[found...].starts(with: wanted) { count += 1 }
        rest = rest[(found + 1)...]
      }
      return count
    }
  }
}
