import Answers
import ArgumentParser
import BlockMap
import RangeLists
import SystemPackage

/// `virt-bmap affected MAP LIST`: shows which objects a list of ranges hits.
struct AffectedCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "virt-bmap affected",
    abstract: "Show which files a list of bad or changed ranges hits.",
    discussion: """
      The output has a line for each object: how many of its bytes the list has, their share of the object, the first \
      offset in it, and how many bytes have no copy outside of the list. Totals by use and by device follow, in which \
      each byte counts once.

      Exit status: 0 even if nothing is hit, 1 on errors, 3 if a disk was mapped and something could not be examined.
      """)

  @Argument(help: "The map, or a disk, which is then mapped first.", completion: .file())
  var map: String

  @Argument(help: "The list of ranges, or - for standard input.", completion: .file())
  var list: String

  @Option(
    help: ArgumentHelp(
      "Format of the list: \(ListFormats.names.joined(separator: ", ")). The default is to recognize it.",
      valueName: "format"),
    completion: .list(ListFormats.names))
  var listFormat: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The blocks to take from a ddrescue mapfile, by their status. The default is -*/.", valueName: "CHARS"))
  var status: String?

  @Option(
    name: [.customShort("b"), .long],
    help: ArgumentHelp("Size of badblocks's blocks in bytes. The default is 1024.", valueName: "N"))
  var blockSize: ByteCount?

  @OptionGroup var selection: SelectionOptions

  @Flag(help: "Print one JSON object.")
  var json = false

  @Flag(name: .customShort("0"), help: "Print only the paths of the files, each followed by a NUL.")
  var pathsOnly = false

  @OptionGroup var mapOptions: MapOptions

  func validate() throws {
    if let listFormat, !ListFormats.names.contains(listFormat) {
      throw ValidationError("--list-format \(listFormat): give one of \(ListFormats.names.joined(separator: ", "))")
    }
    if let status, !DDRescue.areStatuses(Array(status.utf8)) {
      throw ValidationError("--status \(status): give characters of \(DDRescue.statusList)")
    }
    if let blockSize, !(1...ListOptions.largestBlock).contains(blockSize.value) {
      throw ValidationError("--block-size \(blockSize.value): give 1 to \(ListOptions.largestBlock)")
    }
    if json, pathsOnly { throw ValidationError("give --json or -0, not both") }
  }

  func run() async throws {
    // Reading the list takes less time than mapping a disk.
    var ranges = try readList()
    let loaded = try await mapOptions.map(map)
    let selected = try selection.selection(of: loaded.map, named: map)
    let disk = selection.disk ?? 1
    if let size = loaded.map.size(ofDisk: disk) {
      do {
        try ranges.fit(toDiskOf: size)
      } catch {
        throw InputError(listName, error.description)
      }
    }
    let affected = Affected(loaded.map, ranges: ranges.ranges, disk: disk, selection: selected)
    let answer = AffectedAnswer(map: loaded.map, disk: disk, list: ranges, affected: affected)
    var output = StandardOutput(isText: !json && !pathsOnly)
    if json {
      try answer.writeJSON(to: &output)
    } else if pathsOnly {
      try answer.writePaths(to: &output)
    } else {
      try answer.writeText(to: &output)
    }
    try output.flush()
    try loaded.checkIsWhole()
  }

  private var listName: String { list == "-" ? "standard input" : list }

  private func readList() throws -> RangeList {
    let options = ListOptions(
      format: listFormat, statuses: status.map { Array($0.utf8) }, blockSize: blockSize?.value)
    do {
      guard list != "-" else { return try RangeListReader(options).read(FileDescriptor.standardInput) }
      let file = try FileDescriptor.open(filePath(list), .readOnly, options: [.closeOnExec])
      return try file.closeAfter { try RangeListReader(options).read(file) }
    } catch {
      throw InputError(listName, "\(error)")
    }
  }
}

/// What is known for an answer.
struct AffectedAnswer {
  var map: BlockMap
  var disk: Int
  var list: RangeList
  var affected: Affected
}
