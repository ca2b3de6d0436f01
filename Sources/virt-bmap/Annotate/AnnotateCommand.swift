import AccessLog
import ArgumentParser
import BlockMap
import SystemPackage
import Traces

/// `virt-bmap annotate MAP TRACE`: writes the requests of a trace as a log with names.
struct AnnotateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "virt-bmap annotate",
    abstract: "Name the files in a trace that another program made.",
    discussion: """
      The output is a log like that of the nbdkit plugin. If the trace has requests of several devices, the error message \
      lists them, and --source says which disk of the map each is.

      Exit status: 0, 1 on errors, 3 if something is missing: the trace is cut or has lost events, or a disk was mapped \
      and something could not be examined.
      """)

  enum LogForm: String, ExpressibleByArgument, CaseIterable {
    case text, json
  }

  @Argument(help: "The map, or a disk, which is then mapped first.", completion: .file())
  var map: String

  @Argument(help: "The trace. The default is -, standard input.", completion: .file())
  var trace = "-"

  @Option(
    help: ArgumentHelp(
      "Format of the trace: \(TraceFormats.names.joined(separator: ", ")). The default is to recognize it.",
      valueName: "format"),
    completion: .list(TraceFormats.names))
  var traceFormat: String?

  @Option(
    name: [.customLong("source"), .customLong("blk")],
    help: ArgumentHelp(
      "A device, pointer, file or export of the trace is this disk. May be repeated; others are left out.",
      valueName: "NAME=DISK"))
  var source: [String] = []

  @Option(help: "Form of the log: text or json.")
  var logFormat = LogForm.text

  @Flag(help: "In a text log, write the offset of each range in its file.")
  var offsets = false

  @Option(name: .shortAndLong, help: "File to write the log to, or - for standard output.", completion: .file())
  var output: String?

  @Flag(name: .shortAndLong, help: "Say at the end how many requests and other lines the trace has.")
  var verbose = false

  @OptionGroup var selection: SelectionOptions

  @OptionGroup var mapOptions: MapOptions

  func validate() throws {
    if let traceFormat, !TraceFormats.names.contains(traceFormat) {
      throw ValidationError("--trace-format \(traceFormat): give one of \(TraceFormats.names.joined(separator: ", "))")
    }
    if offsets, logFormat == .json { throw ValidationError("--offsets is for --log-format text: JSON has all offsets") }
    if !source.isEmpty, selection.disk != nil { throw ValidationError("give --disk or --source, not both") }
  }

  /// The file to write to; nil for standard output.
  private var outputFile: FilePath? { output.flatMap { $0 == "-" ? nil : filePath($0) } }

  func run() async throws {
    if let outputFile { try AtomicFile.checkWritable(outputFile) }
    var input = try TraceInput(trace, format: traceFormat)
    let loaded = try await mapOptions.map(map)
    let selected = try selection.selection(of: loaded.map, named: map)
    if offsets, !loaded.map.hasOffsets {
      throw InputError(map, "this map does not say where in a file its ranges are, so --offsets is not possible")
    }
    let choice = try DiskChoice(source, only: selection.disk, map: loaded.map, namesDisks: input.namesDisks)
    var log = AnnotatedLog(
      map: loaded.map, selection: selected, choice: choice,
      format: logFormat == .json ? JSONFormat() : TextFormat(offsets: offsets))
    if let outputFile {
      var file = try FileOutput(outputFile)
      try log.write(&input, to: &file)
      try file.commit()
    } else {
      var standard = StandardOutput(isText: logFormat == .text)
      do {
        try log.write(&input, to: &standard)
      } catch {
        // The requests before the error are right.
        try? standard.flush()
        throw error
      }
      try standard.flush()
    }
    if verbose { input.describe() }
    let isWhole = input.warn()
    try loaded.checkIsWhole()
    if !isWhole { throw ExitCode(LoadedMap.partial) }
  }
}
