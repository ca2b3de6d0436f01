import BlockMap
import DiskImage
import Glibc
import Guestfs
import SystemPackage

/// Maps a disk and writes the map.
///
/// `isCancelled` is asked now and then; whoever makes it true also ends the child processes (`ChildProcesses.kill`),
/// since most of the time is spent waiting for them. Throws `DiskError`, `MapError` or `MapperError`; the output file is
/// then as it was before.
public func mapDisk(
  _ request: MapRequest, reporter: any Reporter, isCancelled: @escaping @Sendable () -> Bool
) async throws -> Findings {
  do {
    let installation = try Installation()
    let opened = try openDisk(at: request.disk, format: request.format, options: request.options)
    for warning in opened.warnings { reporter.warning(warning) }
    let description = DiskDescription(
      size: opened.disk.size, format: Array(opened.format.rawValue.utf8), file: request.disk.bytes)
    let format = opened.format
    opened.disk.close()
    try check(request.output, isNoneOf: opened.files)
    try AtomicFile.checkWritable(request.output)
    let directory = try TemporaryDirectory()
    defer {
      directory.remove()
      if isCancelled() { UnfinishedAppliance.remove(from: Appliance.cacheDirectory(directory.parent)) }
    }
    return try await RecorderServer.run(
      installation: installation, in: directory, disk: request.disk, format: format, options: request.options,
      reporter: reporter
    ) { server in
      try await onOwnThread {
        let start = ContinuousClock.now
        let pump = EventPump(reading: server.events, reporter: reporter)
        let appliance = try Appliance.launch(
          ApplianceOptions(
            socket: server.socket, cacheDirectory: Appliance.cacheDirectory(directory.parent),
            isVerbose: request.isVerbose,
            isTraced: request.isTraced),
          reporter: reporter, isCancelled: isCancelled)
        var examiner = Examiner(
          appliance: appliance, pump: pump, reporter: reporter, disk: description, method: request.method,
          isCancelled: isCancelled)
        examiner.setLaunchTime((ContinuousClock.now - start) / .seconds(1))
        try examiner.run(walker: installation.walker.string)
        try pump.check()
        try? appliance.shutdown()
        // A disk that was cut short looks to the appliance like one with nothing there.
        if let now = try? openDisk(at: request.disk, format: format, options: request.options).disk {
          defer { now.close() }
          guard now.size == description.size else { throw MapperError.changed(request.disk) }
        }
        var map = examiner.map
        try map.write(to: request.output, isCancelled: isCancelled)
        return examiner.findings
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

/// A map written over the disk it is of, by a slip in the options, must not cost the disk.
private func check(_ output: FilePath, isNoneOf inputs: [FilePath]) throws(MapError) {
  guard let target = status(of: output) else { return }
  for input in inputs {
    guard let status = status(of: input) else { continue }
    let isSameFile = status.st_dev == target.st_dev && status.st_ino == target.st_ino
    let areDevices = status.st_mode & S_IFMT == S_IFBLK && target.st_mode & S_IFMT == S_IFBLK
    let isSameDevice = areDevices && status.st_rdev == target.st_rdev
    if isSameFile || isSameDevice { throw .file(output, "the map would overwrite the disk") }
  }
}

/// Nil if there is no such file.
private func status(of path: FilePath) -> stat? {
  var status = stat()
  return path.withPlatformString({ stat($0, &status) }) == 0 ? status : nil
}
