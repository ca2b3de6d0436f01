import ArgumentParser
import BlockMap
import Glibc
import SystemPackage

/// `virt-bmap lookup MAP`: looks up offsets and objects in a map.
struct LookupCommand: ParsableCommand, ErrorStatus {
  static let configuration = CommandConfiguration(
    commandName: "virt-bmap lookup",
    abstract: "Find out what is at an offset, or where a file is.",
    discussion: """
      The answer is lines of the map, cut to what was asked. KIND@OFFSET means that the range begins at this offset in \
      the object. The most specific object comes first.

      N is a byte offset, decimal or 0x..., with an optional suffix k, M, G or T (powers of 1024), or s (sectors of 512 \
      bytes). A range A-B ends before B. Without a question on the command line, each line of standard input is one: a \
      number (with the suffix s, a whole sector), a range, or DEVICE:PATH.

      Exit status: 0 if every question found something, 1 if one found nothing, 2 on errors.
      """)

  /// The exit status for errors of this command; 1 means that nothing was found.
  static let errorStatus: Int32 = 2

  @Argument(help: "The map.", completion: .file())
  var map: String

  @Option(
    help: ArgumentHelp("Find what is at byte N.", valueName: "N"),
    transform: { OrderedQuestion(try Question(offset: $0)) })
  var offset: [OrderedQuestion] = []

  @Option(
    help: ArgumentHelp("Find what is in sector N.", valueName: "N"),
    transform: { OrderedQuestion(try Question(sector: $0)) })
  var sector: [OrderedQuestion] = []

  @Option(
    help: ArgumentHelp("Find what is from byte A up to byte B.", valueName: "A-B"),
    transform: { OrderedQuestion(try Question(range: $0)) })
  var range: [OrderedQuestion] = []

  @Option(
    help: ArgumentHelp(
      "Find where this object is. Names may be escaped as in the map.", valueName: "DEVICE[:PATH]"),
    transform: { OrderedQuestion(.object(ArgumentBytes.decode($0))) })
  var path: [OrderedQuestion] = []

  @Option(help: ArgumentHelp("Disk that the numbers refer to, counted from 1.", valueName: "N"))
  var disk = 1

  @Flag(help: "Print one JSON object for each question.")
  var json = false

  func run() throws {
    let loaded = try BlockMap(contentsOf: filePath(map))
    // A map in the 2014 format does not say how many disks it covers.
    guard disk >= 1, loaded.disks.isEmpty || disk <= loaded.disks.count else {
      throw LookupError("\(map): a map of \(loaded.disks.count) disks, there is no disk \(disk)")
    }
    let lookup = Lookup(map: loaded, disk: disk)
    var writer = AnswerWriter(loaded, format: json ? .json : .text)
    func answer(_ question: Question) throws { try lookup.answer(question, to: &writer) }
    let questions = (offset + sector + range + path).sorted { $0.position < $1.position }
    for ordered in questions { try answer(ordered.question) }
    if questions.isEmpty { try forEachLine(answer) }
    if writer.isMissing { throw ExitCode(1) }
  }

  private func forEachLine(_ answer: (Question) throws -> Void) throws {
    var number = 0
    while let line = readBytes() {
      number += 1
      guard !line.isEmpty else { continue }
      guard let question = Question(line: line) else {
        throw LookupError("standard input: line \(number): not a number, a range A-B or DEVICE:PATH")
      }
      try answer(question)
    }
  }

  /// In bytes; longer than any unescaped name in a map. A longer line is not a question.
  private static let maximumLine = 1 << 20

  /// A line of standard input without its newline, cut if it is too long; nil after the last line.
  private func readBytes() -> [UInt8]? {
    var line: [UInt8] = []
    while true {
      let byte = getchar()
      guard byte != EOF else { return line.isEmpty ? nil : line }
      guard byte != 0x0a else { return line }
      guard line.count < Self.maximumLine else { return line }
      line.append(UInt8(truncatingIfNeeded: byte))
    }
  }
}

/// Why a question cannot be answered; this does not mean that nothing was found.
struct LookupError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
