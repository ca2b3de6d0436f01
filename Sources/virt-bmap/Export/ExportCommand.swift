import ArgumentParser
import BlockMap
import Bytes
import MapExport

/// `virt-bmap export MAP`: writes a map in a format that other programs read.
struct ExportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "virt-bmap export",
    abstract: "Write a map as DFXML, CSV, JSON Lines or an SQLite database.",
    discussion: """
      Text goes to standard output, or to the file that -o names. Files are written whole or not at all.

      Exit status: 0, 1 on errors, 3 if a disk was mapped and something could not be examined.
      """)

  @Argument(help: "The map, or a disk, which is then mapped first.", completion: .file())
  var map: String

  @Flag(help: "Digital Forensics XML: the byte runs of files and directories, as fiwalk writes them.")
  var dfxml = false

  @Flag(help: "Comma-separated values: a header line, and a line for each range.")
  var csv = false

  @Flag(help: "JSON Lines: an object for each range.")
  var jsonl = false

  @Option(help: ArgumentHelp("Write an SQLite database to this file.", valueName: "file"), completion: .file())
  var sqlite: String?

  @Option(name: .shortAndLong, help: "File to write the text to, or - for standard output.", completion: .file())
  var output: String?

  @OptionGroup var selectionOptions: SelectionOptions

  @OptionGroup var mapOptions: MapOptions

  private var format: TextFormat? { dfxml ? .dfxml : csv ? .csv : jsonl ? .jsonl : nil }

  func validate() throws {
    guard [dfxml, csv, jsonl, sqlite != nil].count(where: { $0 }) == 1 else {
      throw ValidationError("give one of --dfxml, --csv, --jsonl and --sqlite")
    }
    if sqlite != nil, output != nil { throw ValidationError("-o does not go with --sqlite, which names the file") }
  }

  func run() async throws {
    // Do not map a disk for an hour before saying that the result cannot be written.
    if let file = sqlite ?? output { try AtomicFile.checkWritable(outputPath(file)) }
    let loaded = try await mapOptions.map(map)
    let selection = try selectionOptions.selection(of: loaded.map, named: map)
    let source = ExportSource(
      loaded.map, selection: selection, disk: selectionOptions.disk.map { UInt32(clamping: $0) })
    if let sqlite {
      try DatabaseFile.write(source, to: outputPath(sqlite))
    } else if let format {
      try write(source, as: format)
    }
    try loaded.checkIsWhole()
  }

  private func write(_ source: ExportSource, as format: TextFormat) throws {
    if let output {
      var file = try FileOutput(outputPath(output))
      try format.write(source, to: &file)
      try file.commit()
    } else {
      // None of the formats contains a control character that a terminal could obey.
      var standard = StandardOutput(isText: false)
      try format.write(source, to: &standard)
      try standard.flush()
    }
  }
}

extension StandardOutput: TextOutput {}
