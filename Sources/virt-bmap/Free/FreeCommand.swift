import Answers
import Appliance
import ArgumentParser
import BlockMap
import DiskImage
import Glibc
import NBDSource

/// `virt-bmap free MAP [DISK …]`: shows how much is free, and what the images store of it.
struct FreeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "virt-bmap free",
    abstract: "Show what is free, and what fstrim or virt-sparsify would win.",
    usage: "virt-bmap free [OPTION ...] MAP [DISK ...]",
    discussion: """
      If the disks are given, or if a disk is given instead of a map, they are read. The output then also shows how much \
      of the free space the images store, how much of that is not zero, and how many zeros are stored in files, in \
      blocks of 4 KiB.

      Exit status: 0, 1 on errors, 3 if a disk was mapped and something could not be examined.
      """)

  @Argument(help: "The map, or a disk, which is then mapped first.", completion: .file())
  var map: String

  @Argument(help: "The disks in the order of the map.", completion: .file())
  var disks: [String] = []

  @Flag(help: "List the free ranges: disk, start, end and device.")
  var ranges = false

  @Flag(help: "Print JSON: one object, or with --ranges one for each range.")
  var json = false

  @OptionGroup var selectionOptions: SelectionOptions

  @OptionGroup var mapOptions: MapOptions

  func validate() throws {
    if ranges, !disks.isEmpty { throw ValidationError("--ranges does not read the disks: give only the map") }
  }

  func run() async throws {
    let loaded = try await mapOptions.map(map)
    guard loaded.map.hasOffsets else {
      throw InputError(map, "a map in the 2014 format does not say what is free")
    }
    let selection = try selectionOptions.selection(of: loaded.map, named: map)
    var output = StandardOutput(isText: !json)
    if ranges {
      try list(loaded.map, selection, to: &output)
    } else {
      let space = try await measure(loaded, selection)
      try output.append(json ? try JSONLine.of(FreeDocument(space)) : Array(space.text.utf8))
    }
    try output.flush()
    try loaded.checkIsWhole()
  }

  private func list(_ map: BlockMap, _ selection: ObjectSelection, to output: inout StandardOutput) throws {
    try MapIndex(map).forEachFree(onDisk: selectionOptions.disk, selection) { range in
      if json { return try output.append(try JSONLine.of(range)) }
      let (start, end) = (String(range.start, radix: 16), String(range.end, radix: 16))
      try output.append("\(range.disk) \(start) \(end) \(range.device)\n".utf8)
    }
  }

  private func measure(_ loaded: LoadedMap, _ selection: ObjectSelection) async throws -> FreeSpace {
    let map = loaded.map
    let onlyDisk = selectionOptions.disk
    let sources = disks.isEmpty ? loaded.disk.map { [$0] } ?? [] : disks.map { source($0) }
    guard disks.isEmpty || loaded.disk == nil else {
      throw InputError(self.map, "this is a disk: give its map, or only the disk")
    }
    guard !sources.isEmpty else { return try FreeSpace(map, disks: nil, onDisk: onlyDisk, selection) }
    guard sources.count == map.sizes.count else {
      throw InputError(self.map, "a map of \(counted(map.sizes.count, "disk")), but \(sources.count) are given")
    }
    let names = disks.isEmpty ? [self.map] : disks
    Interruption.install()
    defer { Interruption.finishAndRemove() }
    let reporter = TerminalReporter(
      showsMessages: false, showsDetails: false, showsProgress: isatty(1) == 1 && !json, holdsWarnings: true)
    defer { reporter.clear() }
    let space = try await withOpenDisks(
      sources, options: mapOptions.diskOptions.openOptions, keys: try mapOptions.keyOptions.keys(), reporter: reporter,
      isCancelled: { Interruption.hasHappened },
      body: { opened in
        if let (index, reason) = FreeSpace.mismatch(of: map, opened) { throw InputError(names[index], reason) }
        return try FreeSpace(map, disks: opened, onDisk: onlyDisk, selection) { fraction in
          reporter.progress(fraction)
          if Interruption.hasHappened { throw MapperError.interrupted }
        }
      })
    // If the disk was mapped just now, the mapper said so.
    if !loaded.isPartial { reporter.showWarnings() }
    return space
  }

  private func source(_ argument: String) -> DiskSource {
    let address = NBDAddress(ArgumentBytes.decode(argument))
    return DiskSource(address.map { .server($0) } ?? .file(filePath(argument)), format: mapOptions.format)
  }
}
