import AccessFigures
import BlockMap
import Bytes

/// The report as an HTML page that needs nothing else.
package struct HTMLPage {
  private let report: LogReport
  private let table: ObjectTable
  private let log: [UInt8]
  private let remarks: [String]

  /// - Parameters:
  ///   - log: the name of the log, not escaped.
  ///   - remarks: what the reader should know about the log.
  package init(_ report: LogReport, _ table: ObjectTable, log: [UInt8], remarks: [String]) {
    (self.report, self.table, self.log, self.remarks) = (report, table, log, remarks)
  }

  /// - Throws: `DigestError`, and whatever `output` throws.
  package func write<Output: TextOutput & ~Copyable>(to output: inout Output) throws {
    let accesses = report.timeline?.accesses ?? []
    let lanes = PageLane.all(accesses)
    var rows = PageRows(FigureTables(report.figures, table), table)
    let objects = accesses.map { rows.row(of: $0) }
    let clock = PageClock(report.figures)
    let data = PageData(
      report: report, table: table, rows: rows, lanes: lanes, clock: clock,
      log: PageName.text(log, as: .path), remarks: remarks)
    try PageTemplate().write(to: &output) { output in
      try data.write(to: &output)
      try array("access-times", to: &output) {
        try Base64Text.write(accesses.count, to: &$0) { clock.units(accesses[$0].time) }
      }
      try array("access-positions", to: &output) { output in
        try writeByLane(lanes, to: &output) { lane, index in lane.position(accesses[index]) }
      }
      try array("access-lengths", to: &output) { output in
        try writeByLane(lanes, to: &output) { lane, index in lane.length(accesses[index]) }
      }
      try array("access-objects", to: &output) { try Base64Text.write(objects.count, to: &$0) { objects[$0] } }
      try array("access-operations", to: &output) {
        try Base64Text.write(accesses.count, to: &$0) { accesses[$0].operation.rawValue }
      }
    }
  }

  private func writeByLane<Output: TextOutput & ~Copyable>(
    _ lanes: [PageLane], to output: inout Output, _ number: (PageLane, Int) -> UInt32
  ) throws {
    var lane = 0
    try Base64Text.write(lanes.last?.range.upperBound ?? 0, to: &output) { index in
      while index >= lanes[lane].range.upperBound { lane += 1 }
      return number(lanes[lane], index)
    }
  }

  private func array<Output: TextOutput & ~Copyable>(
    _ name: String, to output: inout Output, _ body: (inout Output) throws -> Void
  ) throws {
    try output.append { $0.append(contentsOf: "<script type=\"text/plain\" id=\"\(name)\">".utf8) }
    try body(&output)
    try output.append { $0.append(contentsOf: "</script>\n".utf8) }
  }
}
