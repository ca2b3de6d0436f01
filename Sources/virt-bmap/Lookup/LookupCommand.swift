import ArgumentParser
import BlockMap
import Glibc
import SystemPackage

/// An answer that did not reach its reader.
private struct OutputError: Error, CustomStringConvertible {
  var reason: String
  var description: String { "standard output: cannot write: \(reason)" }
}

/// `virt-bmap lookup MAP`: asks a map what is where.
struct LookupCommand: ParsableCommand, ErrorStatus {
  static let configuration = CommandConfiguration(
    commandName: "virt-bmap lookup",
    abstract: "Ask a map which objects lie at an offset, a sector or a range, or where an object lies.",
    discussion: """
      The answer is lines of the map, cut to what was asked: KIND@OFFSET says at which offset inside the object the \
      range begins. The most specific object comes first.

      N is a byte offset, decimal or 0x…, with a suffix k, M or G (1024, …), or s for sectors of 512 bytes. A range \
      A-B ends before B. Without a question on the command line, one is read from each line of standard input: a \
      number (with the suffix s: that whole sector), a range, or DEVICE:PATH.

      Exit status: 0 if every question found something, 1 if one found nothing, 2 on errors.
      """)

  /// What errors of this command end with; 1 says that nothing is there.
  static let errorStatus: Int32 = 2

  @Argument(help: "The map.", completion: .file())
  var map: String

  @Option(help: ArgumentHelp("What is at byte N?", valueName: "N"))
  var offset: [Question] = []

  @Option(help: ArgumentHelp("What is in sector N?", valueName: "N"), transform: Question.init(sector:))
  var sector: [Question] = []

  @Option(help: ArgumentHelp("What is from byte A up to B?", valueName: "A-B"))
  var range: [Question] = []

  @Option(
    help: ArgumentHelp(
      "Where is this object? Names as they are, or as the map writes them.", valueName: "DEVICE[:PATH]"),
    transform: { Question.object(filePath($0).bytes) })
  var path: [Question] = []

  @Option(help: ArgumentHelp("The disk that numbers are about, 1 for the first.", valueName: "N"))
  var disk = 1

  @Flag(help: "Print one JSON object a question.")
  var json = false

  func run() throws {
    var lookup = Lookup(map: try BlockMap(contentsOf: filePath(map)), disk: disk)
    let questions = offset + sector + range + path
    var isMissing = false
    func answer(_ question: Question) throws {
      let answer = lookup.answer(question)
      isMissing = isMissing || answer.isEmpty
      guard Messages.write(json ? answer.json : answer.text, to: 1) else {
        throw OutputError(reason: String(cString: strerror(errno)))
      }
    }
    for question in questions { try answer(question) }
    if questions.isEmpty { try forEachLine(answer) }
    if isMissing { throw ExitCode(1) }
  }

  private func forEachLine(_ answer: (Question) throws -> Void) throws {
    var number = 0
    while let line = readBytes() {
      number += 1
      guard !line.isEmpty else { continue }
      guard let question = Question(line: line) else {
        throw ValidationError("standard input: line \(number): not a number, a range A-B or DEVICE:PATH")
      }
      try answer(question)
    }
  }

  /// Longer than any name in a map; what is longer is no question.
  private static let maximumLine = 1 << 20

  /// A line of standard input without its end, cut if it is too long; nil after the last.
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
