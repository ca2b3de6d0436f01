import Answers
import ArgumentParser
import BlockMap
import RangeLists

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

  @OptionGroup var listOptions: ListInput

  @OptionGroup var selection: SelectionOptions

  @Flag(help: "Print one JSON object.")
  var json = false

  @Flag(name: .customShort("0"), help: "Print only the paths of the files, each followed by a NUL.")
  var pathsOnly = false

  @OptionGroup var mapOptions: MapOptions

  func validate() throws {
    if json, pathsOnly { throw ValidationError("give --json or -0, not both") }
    if let kind = selection.kind,
      let device = ObjectKind.kinds(in: ArgumentBytes.decode(kind))?.first(where: \.isDevice)
    {
      throw ValidationError(
        "--kind \(kind): a \(device.word) is shown only by what is on it: choose it with --device")
    }
  }

  func run() async throws {
    // Reading the list takes less time than mapping a disk.
    var ranges = try listOptions.read(list)
    let loaded = try await mapOptions.map(map)
    let selected = try selection.selection(of: loaded.map, named: map)
    let disk = selection.disk ?? 1
    if let size = loaded.map.size(ofDisk: disk) { try listOptions.fit(&ranges, named: list, toDiskOf: size) }
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
}

/// What is known for an answer.
struct AffectedAnswer {
  var map: BlockMap
  var disk: Int
  var list: RangeList
  var affected: Affected
}
