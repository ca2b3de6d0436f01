import Appliance
import BlockMap
import DiskImage
import Glibc
import Mapping
import SystemPackage

/// The map of a guest that is to be booted.
struct GuestMap: Sendable {
  let file: FilePath
  let map: BlockMap
  /// Whether it was made here, and something could not be examined. Warnings said so.
  let isPartial: Bool

  /// The map that the user gave, or one beside the disk that fits, or a new one.
  /// - Parameter directory: where a new one is put.
  init(
    of sources: [DiskSource], given name: String?, _ options: MapOptions, keys: [DeviceKey],
    in directory: TemporaryDirectory, reporter: TerminalReporter
  ) async throws {
    if let name {
      file = filePath(name)
      map = try BlockMap(contentsOf: file)
      isPartial = false
      guard map.disks.isEmpty || map.disks.count == sources.count else {
        throw InputError(name, "a map of \(counted(map.disks.count, "disk")), and \(sources.count) are given")
      }
    } else if let found = Self.find(for: sources, options) {
      (file, map) = found
      isPartial = false
    } else {
      file = directory.path.appending("map")
      isPartial = try await Self.make(file, of: sources, options, keys: keys, in: directory, reporter: reporter)
      map = try BlockMap(contentsOf: file)
    }
  }

  private static func find(for sources: [DiskSource], _ options: MapOptions) -> (file: FilePath, map: BlockMap)? {
    let paths = sources.compactMap { source in
      if case .file(let path) = source.location { path } else { nil }
    }
    guard paths.count == sources.count,
      let found = MapOfDisk.find(for: sources, at: paths, options: options.diskOptions.openOptions),
      !found.map.isIncomplete, options.keyOptions.key.isEmpty || found.map.devices.contains(where: \.isEncrypted)
    else { return nil }
    return found
  }

  private static func make(
    _ file: FilePath, of sources: [DiskSource], _ options: MapOptions, keys: [DeviceKey],
    in directory: TemporaryDirectory, reporter: TerminalReporter
  ) async throws -> Bool {
    var request = MapRequest(disks: sources, output: file)
    request.options = options.diskOptions.openOptions
    request.keys = keys
    reporter.activity("mapping the disk first (virt-bmap -o MAP DISK makes a map to keep)")
    let findings = try await directory.outside {
      try await mapDisk(request, reporter: reporter) { Interruption.hasHappened }
    }
    reporter.clear()
    return findings.isPartial
  }
}
