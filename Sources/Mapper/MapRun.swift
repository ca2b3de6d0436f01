import BlockMap
import DiskImage
import Glibc
import Guestfs
import SystemPackage

/// Maps a guest's disks and writes the map.
///
/// `isCancelled` is asked now and then; whoever makes it true also ends the child processes (`ChildProcesses.kill`),
/// since most of the time is spent waiting for them. Throws `DiskError`, `MapError` or `MapperError`; the output file is
/// then as it was before.
public func mapDisk(
  _ request: MapRequest, reporter: any Reporter, isCancelled: @escaping @Sendable () -> Bool
) async throws -> Findings {
  do {
    let installation = try Installation()
    try DiskSource.checkDistinct(request.disks)
    let examined = try await onOwnThread {
      try request.disks.map {
        try ExaminedDisk($0, options: request.options, reporter: reporter, isCancelled: isCancelled)
      }
    }
    try check(request.output, isNoneOf: examined.flatMap(\.files))
    try AtomicFile.checkWritable(request.output)
    let directory = try TemporaryDirectory()
    defer {
      directory.remove()
      if isCancelled() { UnfinishedAppliance.remove(from: Appliance.cacheDirectory(directory.parent)) }
    }
    return try await CaptiveServer.run(
      for: examined, in: directory, reporter: reporter, isCancelled: isCancelled
    ) { disks in
      try await RecorderServer.run(
        installation: installation, in: directory, disks: disks, options: request.options, reporter: reporter
      ) { server in
        try await onOwnThread {
          try map(
            disks, of: request, from: server, in: directory, walker: installation.walker, reporter: reporter,
            isCancelled: isCancelled)
        }
      }
    }
  } catch {
    // Whatever failed, it failed because the user stopped it.
    if isCancelled() { throw MapperError.interrupted }
    // libguestfs's own message may be a page on how to find out more.
    if let error = error as? GuestfsError { throw MapperError.appliance(error.firstLine) }
    throw error
  }
}

/// Maps the disks that the recorder serves.
private func map(
  _ disks: [GuestDisk], of request: MapRequest, from server: RecorderServer, in directory: TemporaryDirectory,
  walker: FilePath, reporter: any Reporter, isCancelled: @escaping @Sendable () -> Bool
) throws -> Findings {
  let start = ContinuousClock.now
  let pump = EventPump(reading: server.events, reporter: reporter)
  do {
    let appliance = try Appliance.launch(
      ApplianceOptions(
        socket: server.socket, disks: disks.count, cacheDirectory: Appliance.cacheDirectory(directory.parent),
        isVerbose: request.isVerbose, isTraced: request.isTraced),
      reporter: reporter, isCancelled: isCancelled)
    var examiner = Examiner(
      appliance: appliance, pump: pump, reporter: reporter, disks: disks, method: request.method,
      keys: request.keys, isCancelled: isCancelled)
    examiner.setLaunchTime((ContinuousClock.now - start) / .seconds(1))
    try examiner.run(walker: walker.string)
    try pump.check()
    try? appliance.shutdown()
    for disk in disks { try disk.checkSize(request.options) }
    var map = examiner.map
    try map.write(to: request.output, isCancelled: isCancelled)
    return examiner.findings
  } catch {
    // Without the recorder the appliance has no disks, and says only that.
    try pump.check()
    throw error
  }
}

/// A map written over the disk it is of, by a slip in the options, must not cost the disk.
private func check(_ output: FilePath, isNoneOf inputs: [FilePath]) throws(MapError) {
  guard !inputs.contains(where: { isSameFile($0, output) }) else {
    throw .file(output, "the map would overwrite the disk")
  }
}
