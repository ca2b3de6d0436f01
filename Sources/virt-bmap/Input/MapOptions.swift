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
    name: .shortAndLong,
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
    let path = filePath(argument)
    let isServer = NBDAddress(ArgumentBytes.decode(argument)) != nil
    guard try isServer || MapOfDisk.isDisk(path) else {
      return LoadedMap(map: try BlockMap(contentsOf: path), disk: nil, isPartial: false)
    }
    let source = try self.source(argument)
    if !isServer, let found = MapOfDisk.find(for: source, at: path, options: diskOptions.openOptions) {
      return LoadedMap(map: found, disk: source, isPartial: false)
    }
    return try await makeMap(of: source)
  }

  /// The disk that an argument names.
  func source(_ argument: String) throws -> DiskSource {
    let location = NBDAddress(ArgumentBytes.decode(argument)).map { DiskSource.Location.server($0) }
    return DiskSource(location ?? .file(filePath(argument)), format: format)
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
