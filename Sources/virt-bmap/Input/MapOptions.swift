import Appliance
import ArgumentParser
import BlockMap
import Glibc
import Mapping
import NBDSource
import SystemPackage

/// A map, or a disk that is mapped first.
struct MapOptions: ParsableArguments {
  @Option(
    name: [.customShort("f"), .customLong("input-format")],
    help: ArgumentHelp("Format of the disk, if a disk is given instead of a map.", valueName: "format"))
  var format: ImageFormat?

  @OptionGroup var diskOptions: DiskOptions

  @OptionGroup var keyOptions: KeyOptions

  /// The map that an argument names.
  ///
  /// If the argument is a disk, a map beside it is used if it is newer and describes the same disk. Otherwise the disk
  /// is mapped to a temporary file.
  /// - Throws: `MapError`, and for a disk also `DiskError` or `MapperError`.
  func map(_ argument: String) async throws -> LoadedMap {
    guard let source = try disk(argument) else {
      return LoadedMap(map: try BlockMap(contentsOf: filePath(argument)), disk: nil, isPartial: false)
    }
    return try await map(of: source)
  }

  /// The disk that an argument names, or nil if it names a map.
  /// - Throws: `MapError` if there is no such file.
  func disk(_ argument: String) throws -> DiskSource? {
    if let address = NBDAddress(ArgumentBytes.decode(argument)) { return DiskSource(.server(address), format: format) }
    let path = filePath(argument)
    return try MapOfDisk.isDisk(path, format: format) ? DiskSource(.file(path), format: format) : nil
  }

  /// The map of a disk, as for `map(_:)`.
  func map(of source: DiskSource) async throws -> LoadedMap {
    if case .file(let path) = source.location,
      let found = MapOfDisk.find(for: source, at: path, options: diskOptions.openOptions), !found.isIncomplete,
      // A map that was made without the keys does not have the files of encrypted devices.
      keyOptions.key.isEmpty || found.devices.contains(where: \.isEncrypted)
    {
      return LoadedMap(map: found, disk: source, isPartial: false)
    }
    return try await makeMap(of: source)
  }

  private func makeMap(of source: DiskSource) async throws -> LoadedMap {
    try ProcessLimits.check()
    Interruption.install()
    // From here on, only this program's own output is interrupted, and at once.
    defer { Interruption.finishAndRemove() }
    let file = try UnnamedFile()
    defer { file.close() }
    var request = MapRequest(disks: [source], output: file.path)
    request.options = diskOptions.openOptions
    request.keys = try keyOptions.keys()
    let reporter = TerminalReporter(showsMessages: false, showsDetails: false, showsProgress: isatty(1) == 1)
    let findings = try await mapDisk(request, reporter: reporter) { Interruption.hasHappened }
    reporter.clear()
    return LoadedMap(
      map: try BlockMap(contentsOf: request.output), disk: source, isPartial: findings.isPartial)
  }
}

/// A map to answer from.
struct LoadedMap {
  var map: BlockMap
  /// The disk that it was asked for, if the user named that.
  var disk: DiskSource?
  /// Whether the map was made for this command, and something could not be examined. Warnings said so.
  var isPartial: Bool

  /// The exit status if something could not be examined.
  static let partial: Int32 = 3

  /// Ends the command with its own status if the answer may be incomplete. Call this after the answer.
  /// - Throws: `ExitCode`.
  func checkIsWhole() throws {
    if isPartial { throw ExitCode(Self.partial) }
  }
}
