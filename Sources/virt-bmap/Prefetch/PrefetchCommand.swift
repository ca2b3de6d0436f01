import ArgumentParser
import BlockMap
import Bytes
import Prefetch

/// `virt-bmap prefetch LOG`: lists what a boot reads.
struct PrefetchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "virt-bmap prefetch",
    abstract: "List what a boot reads, once and in order.",
    usage: """
      virt-bmap prefetch [OPTION ...] LOG
      virt-bmap prefetch --resolve MAP LIST
      """,
    discussion: """
      The list has ranges of the disk (disk, start and end), or with --format files ranges of files and other objects, \
      which stay valid when the image is built again. With --resolve, such a list is turned into ranges of the disk \
      that MAP describes.

      Exit status: 0, 1 on errors, 3 if the log is not complete, or something could not be listed.
      """)

  @Argument(help: "The log of a boot, or with --resolve a list. - is standard input.", completion: .file())
  var log: String

  @Option(
    help: ArgumentHelp("What to list: \(PrefetchFormat.names). The default is ranges.", valueName: "FORMAT"),
    completion: .list(PrefetchFormat.allCases.map(\.rawValue)))
  var format: PrefetchFormat?

  @Option(
    help: ArgumentHelp("Read a list of the format files, and find its ranges in this map.", valueName: "MAP"),
    completion: .file())
  var resolve: String?

  @Flag(help: "Print one JSON object for each range.")
  var json = false

  @Flag(name: .customShort("0"), help: "Print paths unescaped and each followed by a NUL byte.")
  var null = false

  @OptionGroup var selectionOptions: SelectionOptions

  func validate() throws {
    if null, format ?? .paths != .paths { throw ValidationError("-0 is for --format paths") }
    if json, null || format == .paths { throw ValidationError("--json lists ranges, not paths") }
    if resolve != nil, format != nil || null { throw ValidationError("--resolve lists ranges of the disk") }
  }

  func run() async throws {
    if let resolve { return try resolveList(with: resolve) }
    let format = null ? .paths : self.format ?? .ranges
    var collector = PrefetchCollector(
      selection: try selectionOptions.selectionOfLog(), disk: selectionOptions.disk,
      namesObjects: json || format != .ranges)
    var writer = PrefetchWriter(json: json, null: null, format: format)
    var input = LogInput(log)
    try input.read { request, objects in
      try collector.add(request, objects) { try writer.append($0, objects) }
    }
    let objects = input.parser.objects
    try selectionOptions.check(objects, of: input.shownName)
    try collector.finish { try writer.append($0, objects) }
    try writer.finish()
    if writer.withoutOffset > 0 {
      throw InputError(
        input.shownName, "the log does not say where in the files the ranges are: use the JSON log, or offsets=true")
    }
    if writer.withoutObject > 0 {
      let message = "no object of the map covers \(readable(writer.withoutObject)), which are left out"
      Messages.error("warning: \(InputError(input.shownName, message))")
    }
    if input.isPartial || writer.withoutObject > 0 { throw ExitCode(LoadedMap.partial) }
  }

  private func resolveList(with mapName: String) throws {
    let map = try BlockMap(contentsOf: filePath(mapName))
    guard map.hasOffsets else {
      throw InputError(mapName, "a map in the 2014 format does not say which part of a file a range holds")
    }
    let selection = try selectionOptions.selection(of: map, named: mapName)
    var resolver = PrefetchResolver(map)
    var writer = PrefetchWriter(json: json, null: false, format: .ranges)
    let emit = { (part: PrefetchPart) throws in
      guard part.object.map({ selection.keeps($0, in: map.objects) }) ?? true, selectionOptions.keeps(disk: part.disk)
      else { return }
      try writer.append(part, map.objects)
    }
    try PrefetchListInput(log).read { try resolver.add($0, emit) }
    try resolver.finish(emit)
    try writer.finish()
    guard resolver.missing > 0 else { return }
    let message =
      "\(resolver.missing) of \(counted(resolver.lines, "range")) are in objects that this map does not have"
    guard resolver.missing < resolver.lines else { throw InputError(mapName, message) }
    Messages.error("warning: \(InputError(mapName, message))")
    throw ExitCode(LoadedMap.partial)
  }
}

/// What a list contains.
enum PrefetchFormat: String, CaseIterable, ExpressibleByArgument {
  case ranges
  case files
  case paths

  static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }
}
