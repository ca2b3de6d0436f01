import ArgumentParser
import BlockMap
import LogReport

/// `virt-bmap report LOG`: shows what a guest read and wrote, as a page, a trace, tables or a text.
struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "virt-bmap report",
    abstract: "Show what a guest did, from a log.",
    discussion: """
      Without other options, a summary is printed. With -o, a page for a web browser is written, with a timeline and \
      tables. Files are written whole or not at all.

      Exit status: 0, 1 on errors, 3 if the log ends in the middle of a line or lacks requests.
      """)

  @Argument(help: "The log, as text or JSON; - is standard input.", completion: .file())
  var log: String

  @Option(
    name: .shortAndLong, help: "Write an HTML page to this file, or the text that another option asks for.",
    completion: .file())
  var output: String?

  @Option(
    help: ArgumentHelp("Write a trace for Perfetto to this file. The log must have times.", valueName: "file"),
    completion: .file())
  var perfetto: String?

  @Flag(help: "Folded stacks, from which flame graphs are made.")
  var folded = false

  @Option(help: ArgumentHelp("What folded stacks count: bytes or requests.", valueName: "WHAT"))
  var by: FoldedStacks.Measure?

  @Flag(help: "Comma-separated values: a header line, and a line for each file or other object.")
  var csv = false

  @Flag(help: "All figures as one JSON object.")
  var json = false

  @OptionGroup var selectionOptions: SelectionOptions

  private var format: ReportFormat? {
    folded
      ? .folded(by ?? .bytes) : csv ? .csv : json ? .json : output != nil ? .page : perfetto == nil ? .summary : nil
  }

  func validate() throws {
    guard [folded, csv, json].count(where: { $0 }) <= 1 else {
      throw ValidationError("give only one of --folded, --csv and --json")
    }
    if by != nil, !folded { throw ValidationError("--by goes with --folded") }
  }

  func run() throws {
    for file in [output, perfetto].compactMap({ $0 }) { try AtomicFile.checkWritable(outputPath(file)) }
    let selection = try selectionOptions.selectionOfLog()
    var input = LogInput(log)
    let name = input.shownName
    var report = LogReport(selection: selection, disk: selectionOptions.disk, withTimeline: format == .page)
    if let perfetto {
      var trace = try TraceFile(outputPath(perfetto), selection: selection, disk: selectionOptions.disk)
      try input.read { request, objects in
        report.add(request, objects)
        guard try trace.append(request, objects) else {
          throw InputError(name, "--perfetto needs times, which this log does not have (logformat=json has them)")
        }
      }
      try trace.finish(report.throughput)
    } else {
      try input.read { request, objects in report.add(request, objects) }
    }
    report.finish()
    if let disk = selectionOptions.disk, report.figures.operations.isEmpty {
      throw InputError(name, "there are no requests for disk \(disk) in this log")
    }
    try selectionOptions.check(input.parser.objects, of: name)
    if let format { try format.write(report, of: input, to: output) }
    if input.isPartial { throw ExitCode(3) }
  }
}

extension FoldedStacks.Measure: ExpressibleByArgument {}
