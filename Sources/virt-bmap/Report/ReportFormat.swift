import BlockMap
import Bytes
import LogReading
import LogReport

/// What is written about a log.
enum ReportFormat: Equatable {
  case summary
  case page
  case folded(FoldedStacks.Measure)
  case csv
  case json

  /// - Parameter file: the file to write to; nil for standard output.
  func write(_ report: LogReport, of input: LogInput, to file: String?) throws {
    if let file {
      var output = try FileOutput(outputPath(file))
      try write(report, of: input, to: &output)
      try output.commit()
    } else {
      var output = StandardOutput(isText: self == .summary)
      try write(report, of: input, to: &output)
      try output.flush()
    }
  }

  private func write<Output: TextOutput & ~Copyable>(
    _ report: LogReport, of input: LogInput, to output: inout Output
  ) throws {
    let objects = input.parser.objects
    switch self {
    case .summary:
      let text = SummaryText.text(report.figures, objects, phases: report.phases.all)
      try output.append { $0.append(contentsOf: text.utf8) }
    case .page:
      let page = HTMLPage(
        report, objects, log: ArgumentBytes.decode(input.shownName), remarks: remarks(on: report, of: input))
      try page.write(to: &output)
    case .folded(let measure): try FoldedStacks.write(report.figures, objects, by: measure, to: &output)
    case .csv: try ObjectCSV.write(report.figures, objects, to: &output)
    case .json:
      try FiguresJSON.write(report, objects, lost: input.parser.lost, isPartial: input.isPartial, to: &output)
    }
  }

  /// What the reader of the page should know.
  private func remarks(on report: LogReport, of input: LogInput) -> [String] {
    var remarks: [String] = []
    if input.isPartial { remarks.append("The log is not complete: its end was cut off, or requests are missing.") }
    if input.parser.lost > 0 { remarks.append("The logger could not write \(input.parser.lost) requests.") }
    let figures = report.figures
    if figures.failed > 0 { remarks.append("\(figures.failed) requests failed.") }
    if figures.staleBytes > 0 {
      remarks.append(
        "\(readable(figures.staleBytes)) had been written since the map was made, so their names may be wrong.")
    }
    if figures.stepsBack > 0 { remarks.append("The clock of the log goes back \(figures.stepsBack) times.") }
    return remarks
  }
}
