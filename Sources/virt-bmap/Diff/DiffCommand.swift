import Answers
import ArgumentParser
import BlockMap

/// `virt-bmap diff A B`: shows what has changed between two maps.
struct DiffCommand: AsyncParsableCommand, ErrorStatus {
  static let configuration = CommandConfiguration(
    commandName: "virt-bmap diff",
    abstract: "Compare two maps of the same disk.",
    discussion: """
      Each object that appeared (+), vanished (-), moved, changed its size, was renamed or was linked (got another name) \
      has a line: change, kind, bytes before, bytes after, device and path.

      Exit status: 0 if there is no difference, 1 if there are differences, 2 on errors, 3 if a disk was mapped and \
      something could not be examined.
      """)

  /// The exit status for errors of this command; 1 means that the maps differ.
  static let errorStatus: Int32 = 2

  @Argument(help: "The older map, or a disk, which is then mapped first.", completion: .file())
  var old: String

  @Argument(help: "The newer map, or a disk.", completion: .file())
  var new: String

  @Flag(help: "Print one JSON object for each difference.")
  var json = false

  @Flag(name: .customShort("0"), help: "Print only the paths, unescaped and each followed by a NUL byte.")
  var null = false

  @OptionGroup var selectionOptions: SelectionOptions

  @OptionGroup var mapOptions: MapOptions

  func validate() throws {
    if json, null { throw ValidationError("--json does not go with -0") }
  }

  func run() async throws {
    let (old, new) = (try await mapOptions.map(old), try await mapOptions.map(new))
    if let mismatch = Difference.mismatch(of: old.map, new.map) {
      throw InputError(self.new, "not a map of the same disks as \(shown(self.old)): \(mismatch)")
    }
    let selection = try selectionOptions.selection(of: [old.map, new.map], named: self.new)
    let difference = Difference(from: old.map, to: new.map)
    let entries = difference.changed().filter { keeps($0, of: difference, selection) }
    var output = StandardOutput(isText: !json && !null)
    if json {
      for entry in entries { try output.append { DiffJSON.append(entry, of: difference, to: &$0) } }
    } else if null {
      try DiffPaths.write(entries, of: difference, to: &output)
    } else {
      let text = DiffText(difference, entries)
      for entry in entries { try output.append { text.append(entry, to: &$0) } }
    }
    try output.flush()
    try old.checkIsWhole()
    try new.checkIsWhole()
    if !entries.isEmpty { throw ExitCode(1) }
  }

  /// An object is kept if it was or is what was asked for.
  private func keeps(_ entry: Difference.Entry, of difference: Difference, _ selection: ObjectSelection) -> Bool {
    func keeps(_ id: ObjectID?, _ map: BlockMap, _ ranges: ObjectRanges) -> Bool {
      guard let id, selection.keeps(id, in: map.objects) else { return false }
      return ranges.ranges(of: id).contains { selectionOptions.keeps(disk: $0.disk) }
    }
    return keeps(entry.old, difference.old, difference.oldRanges)
      || keeps(entry.new, difference.new, difference.newRanges)
  }

  private func shown(_ name: String) -> String { Escaping.text(ArgumentBytes.decode(name), as: .path) }
}
