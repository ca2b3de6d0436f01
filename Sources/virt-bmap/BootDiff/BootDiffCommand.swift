import AccessFigures
import ArgumentParser
import BlockMap
import BootDifference
import Bytes

/// `virt-bmap boot-diff A B`: shows what a boot read that another one did not.
struct BootDiffCommand: AsyncParsableCommand, ErrorStatus {
  static let configuration = CommandConfiguration(
    commandName: "virt-bmap boot-diff",
    abstract: "Compare what two boots read.",
    usage: "virt-bmap boot-diff [OPTION ...] BEFORE AFTER",
    discussion: """
      Each byte counts once for each boot, however often it was read. The tables have the objects and the directories \
      of which the second boot read more (+) or less (-), the largest difference first.

      Exit status: 0, 1 if the second boot exceeds the budget, 2 on errors, 3 if a log is not complete.
      """)

  /// The exit status for errors of this command; 1 means that the budget is exceeded.
  static let errorStatus: Int32 = 2

  @Argument(help: "The log of the first boot. - is standard input.", completion: .file())
  var before: String

  @Argument(help: "The log of the second boot.", completion: .file())
  var after: String

  @Option(
    help: ArgumentHelp(
      "What the second boot may read: a number of bytes, such as 100M, or +5M for so much more than the first.",
      valueName: "[+]BYTES"))
  var budget: ReadBudget?

  @Option(help: ArgumentHelp("Rows of each table; all for no limit.", valueName: "N"))
  var top = RowLimit.some(20)

  @Flag(help: "Print one JSON object.")
  var json = false

  @OptionGroup var selectionOptions: SelectionOptions

  func validate() throws {
    if before == "-", after == "-" { throw ValidationError("only one of the logs can be standard input") }
  }

  func run() async throws {
    let (first, second) = (try read(before), try read(after))
    try selectionOptions.check(first.reads.table, second.reads.table, of: LogInput(after).shownName)
    let difference = BootDifference(before: first.reads, after: second.reads)
    let allowed = try budget.map { budget throws(ValidationError) in
      guard let bytes = budget.bytes(after: first.reads.bytes) else { throw ValidationError("--budget: too large") }
      return bytes
    }
    var output = StandardOutput(isText: !json)
    try output.append(
      json
        ? try JSONLine.of(BootDiffDocument(difference, budget: allowed))
        : Array(difference.text(top, budget: allowed).utf8))
    try output.flush()
    if let allowed, second.reads.bytes > allowed { throw ExitCode(1) }
    if first.isPartial || second.isPartial { throw ExitCode(LoadedMap.partial) }
  }

  private func read(_ name: String) throws -> (reads: BootReads, isPartial: Bool) {
    var figures = AccessFigures(selection: try selectionOptions.selectionOfLog(), disk: selectionOptions.disk)
    var log = LogInput(name)
    try log.read { figures.add($0, $1) }
    return (BootReads(figures, log.parser.objects), log.isPartial)
  }
}

/// How much a boot may read.
struct ReadBudget: ExpressibleByArgument {
  private let value: UInt64
  /// Whether it is on top of what the first boot read.
  private let isAdditional: Bool

  init?(argument: String) {
    isAdditional = argument.hasPrefix("+")
    guard let value = Array(argument.utf8)[(isAdditional ? 1 : 0)...].byteCount else { return nil }
    self.value = value
  }

  /// In bytes; nil if that is more than 2^64.
  func bytes(after first: UInt64) -> UInt64? { isAdditional ? first.plus(value) : value }
}
