import Answers
import Appliance
import ArgumentParser
import BlockMap
import DiskImage
import Glibc
import MapExport
import SystemPackage

/// `virt-bmap changed`: shows what changed between two states of a disk.
struct ChangedCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "virt-bmap changed",
    abstract: "Show what changed in a snapshot, or between two disks.",
    usage: """
      virt-bmap changed [OPTION ...] SNAPSHOT
      virt-bmap changed [OPTION ...] OLD NEW
      virt-bmap changed [OPTION ...] --ranges LIST OLD NEW
      """,
    discussion: """
      SNAPSHOT is a VMDK or qcow2 image with a parent. What it stores is compared with the parent. With two disks, \
      every byte is compared. With --ranges, OLD and NEW can also be maps; then bytes are not compared.

      Every changed byte has one category: created, deleted, rewritten, grown and so on, see virt-bmap-changed(1).

      Exit status: 0, 1 on errors, 3 if something could not be examined.
      """)

  @Argument(help: "A snapshot, or the old and the new state.", completion: .file())
  var names: [String] = []

  @Option(help: ArgumentHelp("Only these ranges have changed.", valueName: "LIST"), completion: .file())
  var ranges: String?

  @OptionGroup var listOptions: ListInput

  @Option(help: ArgumentHelp("Show this many rows of each table.", valueName: "N|all"))
  var top = RowLimit.some(20)

  @Flag(help: "Print one JSON object.")
  var json = false

  @Flag(help: "Print differential Digital Forensics XML: the files that differ, with their old and new byte runs.")
  var dfxml = false

  @Flag(name: .customShort("0"), help: "Print only the paths of the files, each followed by a NUL.")
  var pathsOnly = false

  @OptionGroup var selectionOptions: SelectionOptions

  @OptionGroup var mapOptions: MapOptions

  func validate() throws {
    if ranges == nil, listOptions.isGiven { throw ValidationError("--list-format, --status and -b go with --ranges") }
    if [json, dfxml, pathsOnly].count(where: { $0 }) > 1 {
      throw ValidationError("give one of --json, --dfxml and -0")
    }
    switch (names.count, ranges) {
    case (1, nil), (2, _): break
    case (_, nil): throw ValidationError("give a snapshot, or two disks")
    default: throw ValidationError("give two disks or two maps with --ranges")
    }
  }

  func run() async throws {
    // Reading the list takes less time than mapping a disk.
    let list = try ranges.map { ($0, try listOptions.read($0)) }
    var states =
      names.count == 1
      ? try await DiskStates(ofSnapshot: names[0], options: mapOptions)
      : try await DiskStates(names[0], names[1], options: mapOptions, needsDisks: list == nil)
    try states.check(disk: selectionOptions.disk)
    if let (name, listed) = list {
      var listed = listed
      try listOptions.fit(&listed, named: name, toDiskOf: states.new.loaded.map.sizes[disk - 1])
      states.ranges = listed.ranges
    }
    let (old, new) = (states.old.loaded.map, states.new.loaded.map)
    let selection = try selectionOptions.selection(of: [old, new], named: states.new.name)
    let (report, matches) = try await changes(of: states, selection)
    var output = StandardOutput(isText: !json && !dfxml && !pathsOnly)
    if json {
      try output.append(JSONLine.of(ChangedDocument(report, size: new.sizes[disk - 1])))
    } else if dfxml {
      try DifferentialDFXML(old, new, matches, report, selection: selection).write(to: &output)
    } else if pathsOnly {
      for file in report.files where file.changed > 0 {
        try output.append { buffer in file.path.withUnsafeBytes { PathList.append($0, to: &buffer) } }
      }
    } else {
      try output.append(report.text(top).utf8)
    }
    try output.flush()
    try states.old.loaded.checkIsWhole()
    try states.new.loaded.checkIsWhole()
  }

  /// How much of a range is compared before the progress is shown.
  private static let stepBytes: UInt64 = 64 << 20

  private var disk: Int { selectionOptions.disk ?? 1 }

  private func changes(
    of states: DiskStates, _ selection: ObjectSelection
  ) async throws -> (ChangeReport, ObjectMatches) {
    let (old, new) = (states.old.loaded.map, states.new.loaded.map)
    let indices = (old: MapIndex(old), new: MapIndex(new))
    guard let sources = states.disks else {
      guard let ranges = states.ranges else { throw ValidationError("give --ranges LIST with maps, or give two disks") }
      var classifier = try ChangeClassifier(old: indices.old, new: indices.new, bytes: nil, selection: selection)
      for range in ranges { try classifier.add(range, disk: disk) }
      return (classifier.report, classifier.matches)
    }
    Interruption.install()
    defer { Interruption.finishAndRemove() }
    let isCancelled = { @Sendable in Interruption.hasHappened }
    let reporter = TerminalReporter(
      showsMessages: false, showsDetails: false, showsProgress: isatty(1) == 1, holdsWarnings: true)
    defer { reporter.clear() }
    let (name, ranges) = (states.new.name, states.ranges)
    let changes = try await withOpenDisks(
      sources, options: mapOptions.diskOptions.openOptions, keys: try mapOptions.keyOptions.keys(),
      reporter: reporter, isCancelled: isCancelled
    ) { disks in
      let size = new.sizes[0]
      guard disks[0].size == size, disks[1].size == size else {
        throw InputError(name, "this is not the disk of the map: its size has changed")
      }
      var classifier = try ChangeClassifier(
        old: indices.old, new: indices.new, bytes: StateBytes(old: disks[0], new: disks[1]), selection: selection)
      func progress(_ fraction: Double) throws {
        guard !isCancelled() else { throw MapperError.interrupted }
        reporter.progress(fraction)
      }
      defer { reporter.progress(nil) }
      if let ranges {
        for range in ranges {
          var position = range.lowerBound
          while position < range.upperBound {
            let end = position + min(range.upperBound - position, Self.stepBytes)
            try classifier.add(position..<end, disk: 1)
            try progress(Double(end) / Double(size))
            position = end
          }
        }
      } else {
        try DiskComparison.forEachDifference(disks[0], disks[1], progress: progress) {
          try classifier.add($0, disk: 1)
        }
      }
      return (classifier.report, classifier.matches)
    }
    // If a disk was mapped just now, the mapper said so.
    if !states.old.loaded.isPartial, !states.new.loaded.isPartial { reporter.showWarnings() }
    return changes
  }
}
