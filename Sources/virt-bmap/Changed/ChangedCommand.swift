import Answers
import Appliance
import ArgumentParser
import BlockMap
import DiskImage
import Glibc
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

  @Option(help: ArgumentHelp("Show this many files and directories.", valueName: "N|all"))
  var top = RowLimit.some(20)

  @Flag(help: "Print one JSON object.")
  var json = false

  @OptionGroup var mapOptions: MapOptions

  func run() async throws {
    let states: (old: State, new: State, ranges: [Range<UInt64>]?)
    switch (names.count, ranges) {
    case (1, nil): states = try await snapshot(names[0])
    case (2, _): states = (try await state(names[0]), try await state(names[1]), nil)
    case (_, nil): throw ValidationError("give a snapshot, or two disks")
    default: throw ValidationError("give two disks or two maps with --ranges")
    }
    let (old, new) = (states.old, states.new)
    try check(old.loaded.map, new.loaded.map)
    let report = try await report(old, new, ranges: states.ranges)
    var output = StandardOutput(isText: !json)
    let size = new.loaded.map.sizes[0]
    try output.append(json ? JSONLine.of(ChangedDocument(report, size: size)) : Array(report.text(top).utf8))
    try output.flush()
    try old.loaded.checkIsWhole()
    try new.loaded.checkIsWhole()
  }

  /// One of the two states.
  private struct State {
    var name: String
    var loaded: LoadedMap
  }

  private func state(_ name: String) async throws -> State {
    State(name: name, loaded: try await mapOptions.map(name))
  }

  /// A snapshot and its parent, and what the snapshot stores itself.
  private func snapshot(_ name: String) async throws -> (old: State, new: State, ranges: [Range<UInt64>]?) {
    guard let source = try mapOptions.disk(name), case .file(let path) = source.location else {
      throw InputError(name, "this is not a snapshot: give two disks")
    }
    let format = source.format ?? ImageFormat.guess(fromName: path)
    let parent: DiskSource
    var ranges: [Range<UInt64>] = []
    if format == .vmdk {
      let opened = try openDisk(at: path, format: .vmdk, options: mapOptions.diskOptions.openOptions)
      defer { opened.disk.close() }
      guard opened.chain.count > 1 else { throw InputError(name, "it has no parent: give two disks") }
      opened.chain[0].forEachOwnRange { ranges.append($0) }
      parent = DiskSource(.file(opened.chain[1].path), format: .vmdk)
    } else if [.qcow2, .qcow, .qed].contains(format) {
      guard mapOptions.diskOptions.allowExternal else {
        throw InputError(name, "its backing file is another file: --allow-external lets it be opened")
      }
      let found = try await QemuSnapshot(of: path, format: format)
      (parent, ranges) = (found.parent, found.ownRanges)
    } else {
      throw InputError(name, "\(format.rawValue) images have no parent: give two disks")
    }
    let old = State(name: name, loaded: try await mapOptions.map(of: parent))
    return (old, State(name: name, loaded: try await mapOptions.map(of: source)), ranges)
  }

  /// Changes are shown for one disk, and its size must not have changed.
  private func check(_ old: BlockMap, _ new: BlockMap) throws {
    for (map, name) in zip([old, new], [names.first, names.last]) where map.sizes.count != 1 {
      throw InputError(name ?? "", "a map of \(map.sizes.count) disks; changes can be shown for one disk only")
    }
    guard old.sizes == new.sizes else {
      throw InputError(
        names.last ?? "",
        "the disk has \(new.sizes[0]) bytes, and had \(old.sizes[0]): states of different sizes cannot be compared")
    }
    for (map, name) in zip([old, new], [names.first, names.last]) where !map.hasOffsets {
      throw InputError(name ?? "", "a map in the 2014 format does not say which part of a file a range holds")
    }
  }

  private func report(_ old: State, _ new: State, ranges: [Range<UInt64>]?) async throws -> ChangeReport {
    guard let oldDisk = old.loaded.disk, let newDisk = new.loaded.disk else {
      throw ValidationError("give disks, or --ranges LIST with maps")
    }
    let newName = new.name
    let indices = (old: MapIndex(old.loaded.map), new: MapIndex(new.loaded.map))
    Interruption.install()
    defer { Interruption.finishAndRemove() }
    let reporter = TerminalReporter(showsMessages: false, showsDetails: false, showsProgress: isatty(1) == 1 && !json)
    defer { reporter.clear() }
    let isCancelled = { @Sendable in Interruption.hasHappened }
    return try await withOpenDisks(
      [oldDisk, newDisk], options: mapOptions.diskOptions.openOptions, keys: try mapOptions.keyOptions.keys(),
      reporter: reporter, isCancelled: isCancelled
    ) { disks in
      guard disks[0].size == disks[1].size, disks[0].size == indices.new.map.sizes[0] else {
        throw InputError(newName, "this is not the disk of the map: its size has changed")
      }
      var classifier = try ChangeClassifier(
        old: indices.old, new: indices.new, bytes: StateBytes(old: disks[0], new: disks[1]))
      func progress(_ fraction: Double) throws {
        guard !Interruption.hasHappened else { throw MapperError.interrupted }
        reporter.progress(fraction)
      }
      if let ranges {
        for range in ranges {
          try classifier.add(range, disk: 1)
          try progress(Double(range.upperBound) / Double(disks[0].size))
        }
      } else {
        try DiskComparison.forEachDifference(disks[0], disks[1], progress: progress) {
          try classifier.add($0, disk: 1)
        }
      }
      reporter.progress(nil)
      return classifier.report
    }
  }
}

/// How many rows of a table are shown.
enum RowLimit: ExpressibleByArgument, Equatable {
  case all
  case some(Int)

  init?(argument: String) {
    guard argument != "all" else {
      self = .all
      return
    }
    guard let count = Int(argument), count >= 0 else { return nil }
    self = .some(count)
  }

  var defaultValueDescription: String {
    switch self {
    case .all: "all"
    case .some(let count): String(count)
    }
  }

  /// The rows that are shown.
  func rows<Row>(of rows: [Row]) -> ArraySlice<Row> {
    switch self {
    case .all: rows[...]
    case .some(let count): rows.prefix(count)
    }
  }
}
