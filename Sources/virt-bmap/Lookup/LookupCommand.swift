import ArgumentParser
import BlockMap

/// `virt-bmap lookup MAP`: looks up offsets and objects in a map.
struct LookupCommand: AsyncParsableCommand, ErrorStatus {
  static let configuration = CommandConfiguration(
    commandName: "virt-bmap lookup",
    abstract: "Find out what is at an offset, or where a file is.",
    discussion: """
      N is a byte offset, decimal or 0x..., with an optional suffix k, M, G or T (powers of 1024), or s (sectors of 512 \
      bytes). A range A-B ends before B. Without a question on the command line, each line of standard input is one: a \
      number (with the suffix s, a whole sector), a range, DEVICE:PATH, or a PATH on any device.

      Exit status: 0 if every question found something, 1 if one found nothing, 2 on errors, 3 if a disk was mapped and \
      something could not be examined.
      """)

  /// The exit status for errors of this command; 1 means that nothing was found.
  static let errorStatus: Int32 = 2

  /// How answers are written.
  enum Format: String, ExpressibleByArgument, CaseIterable {
    case text, map, json
  }

  @Argument(help: "The map, or a disk, which is then mapped first.", completion: .file())
  var map: String

  @Option(
    help: ArgumentHelp("Find what is at byte N.", valueName: "N"),
    transform: { OrderedQuestion(.plain(try Question(offset: $0))) })
  var offset: [OrderedQuestion] = []

  @Option(
    help: ArgumentHelp("Find what is in sector N.", valueName: "N"),
    transform: { OrderedQuestion(.plain(try Question(sector: $0))) })
  var sector: [OrderedQuestion] = []

  @Option(
    help: ArgumentHelp("Find what is from byte A up to byte B.", valueName: "A-B"),
    transform: { OrderedQuestion(.plain(try Question(range: $0))) })
  var range: [OrderedQuestion] = []

  @Option(
    help: ArgumentHelp(
      """
      Find where this object is. Names may be escaped as in the map. A path without a device is looked for on all \
      devices.
      """, valueName: "DEVICE[:PATH]|PATH"),
    transform: { OrderedQuestion(.plain(Question(name: ArgumentBytes.decode($0)))) })
  var path: [OrderedQuestion] = []

  @Option(
    help: ArgumentHelp(
      """
      Find what is at a byte of one of the image's own files. Without FILE:OFFSET, also say where the answers are in \
      these files.
      """, valueName: "FILE:OFFSET"),
    transform: { OrderedQuestion(.container(try ContainerByte($0))) })
  var container: [OrderedQuestion] = []

  /// `--container` without a value, see `arguments`.
  @Flag(name: .customLong(Self.bareContainer), help: .hidden)
  var showsContainer = false

  @Option(
    name: .customLong("format"),
    help: "Form of the answers: text for people (the default), map for lines of the map, or json.")
  var answerFormat: Format?

  @Flag(help: "The same as --format json: one JSON object for each question.")
  var json = false

  @OptionGroup var selectionOptions: SelectionOptions

  @OptionGroup var mapOptions: MapOptions

  private static let bareContainer = "container-of-answers"

  /// The arguments for the parser, for which an option has a value or has none.
  static func arguments(_ arguments: [String]) -> [String] {
    arguments.enumerated().map { index, argument in
      let next = arguments.indices.contains(index + 1) ? arguments[index + 1] : "-"
      return argument == "--container" && next.hasPrefix("-") ? "--\(bareContainer)" : argument
    }
  }

  func validate() throws {
    if json, answerFormat ?? .json != .json { throw ValidationError("--json goes with --format json only") }
  }

  func run() async throws {
    let loaded = try await mapOptions.map(map)
    let lookup = Lookup(
      map: loaded.map, disk: selectionOptions.disk,
      selection: try selectionOptions.selection(of: loaded.map, named: map))
    let files = ContainerFiles(
      loaded.map, at: filePath(map), disk: loaded.disk, options: mapOptions.diskOptions.openOptions)
    var writer = AnswerWriter(try format(loaded.map), container: showsContainer ? files : nil)
    do {
      try answer(lookup, files, to: &writer)
      try writer.flush()
    } catch {
      // What was found before the error counts.
      writer.flushAfterError()
      throw error
    }
    try loaded.checkIsWhole()
    if writer.isMissing { throw ExitCode(1) }
  }

  private func answer(_ lookup: Lookup, _ files: ContainerFiles, to writer: inout AnswerWriter) throws {
    let questions = (offset + sector + range + path + container).sorted { $0.position < $1.position }
    for ordered in questions {
      switch ordered.kind {
      case .plain(let question): try lookup.answer(question, to: &writer)
      case .container(let byte): try lookup.answer(byte, in: files, to: &writer)
      }
    }
    if questions.isEmpty { try answerLines(lookup, to: &writer) }
  }

  private func format(_ map: BlockMap) throws -> any AnswerFormat {
    switch json ? .json : answerFormat ?? .text {
    case .text: return TextAnswers(map)
    case .json: return JSONAnswers(map)
    case .map:
      guard !showsContainer else { throw ValidationError("--format map has no room for --container") }
      return MapAnswers(map)
    }
  }

  private func answerLines(_ lookup: Lookup, to writer: inout AnswerWriter) throws {
    var number = 0
    var lines = InputLines()
    try lines.forEach {
      // Whoever writes one question at a time waits for its answer.
      try writer.flush()
    } _: { line in
      number += 1
      guard !line.isEmpty else { return }
      guard let question = Question(line: line) else {
        throw LookupError(
          "standard input: line \(number): not a number below 2^64 - 1, a range A-B, DEVICE:PATH or PATH")
      }
      try lookup.answer(question, to: &writer)
    }
  }
}

/// Why a question cannot be answered; this does not mean that nothing was found.
struct LookupError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
