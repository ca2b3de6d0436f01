import DiskImage
import Guestfs
import NBDSource
import SystemPackage

/// A guest's disks in the appliance: the recorder serves them, libguestfs's appliance sees them, and both are gone
/// afterwards.
struct ApplianceSession: Sendable {
  var disks: [DiskSource]
  var options: OpenOptions
  var keys: [DeviceKey]
  var isVerbose: Bool
  var isTraced: Bool

  /// What is there while it runs.
  struct Running {
    let appliance: Guestfs
    let pump: EventPump
    /// The disks, in their order.
    let disks: [GuestDisk]
    /// Of the walker, on the host.
    let walker: FilePath
    /// How long the appliance took to start.
    let launchSeconds: Double
    /// Where the recorder listens.
    fileprivate let socket: FilePath
    fileprivate let options: OpenOptions

    /// A disk as the appliance sees it: with what this has written.
    func openRecorded(_ number: Int, isCancelled: @escaping @Sendable () -> Bool) throws -> any VirtualDisk {
      try NBDDisk(at: RecorderServer.address(ofDisk: number, at: socket), isCancelled: isCancelled)
    }

    /// Ends the appliance. Throws if the recorder had ended before, or if a disk's size is not what it was.
    func end() throws {
      try pump.check()
      try? appliance.shutdown()
      for disk in disks { try disk.checkSize(options) }
    }
  }

  /// Looks at the disks, calls `check` with what it has seen, starts everything and runs `body` on a thread of its own.
  /// Throws `DiskError`, `MapperError` and what `check` and `body` throw.
  func run<T: Sendable>(
    reporter: any Reporter, isCancelled: @escaping @Sendable () -> Bool,
    check: ([ExaminedDisk]) throws -> Void, body: @escaping @Sendable (Running) throws -> T
  ) async throws -> T {
    do {
      let installation = try Installation()
      try DiskSource.checkDistinct(disks)
      let examined = try await onOwnThread {
        try disks.map {
          try ExaminedDisk($0, options: options, keys: keys, reporter: reporter, isCancelled: isCancelled)
        }
      }
      try check(examined)
      let directory = try TemporaryDirectory()
      defer {
        directory.remove()
        if isCancelled() { UnfinishedAppliance.remove(from: Appliance.cacheDirectory(directory.parent)) }
      }
      return try await CaptiveServer.run(
        for: examined, in: directory, reporter: reporter, isCancelled: isCancelled
      ) { disks in
        try await RecorderServer.run(
          installation: installation, in: directory, disks: disks, options: options, reporter: reporter
        ) { server in
          try await onOwnThread {
            try launch(
              disks, from: server, in: directory, walker: installation.walker, reporter: reporter,
              isCancelled: isCancelled, body: body)
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

  private func launch<T>(
    _ disks: [GuestDisk], from server: RecorderServer, in directory: TemporaryDirectory, walker: FilePath,
    reporter: any Reporter, isCancelled: @escaping @Sendable () -> Bool, body: (Running) throws -> T
  ) throws -> T {
    let start = ContinuousClock.now
    let pump = try EventPump(reading: server.events, reporter: reporter)
    do {
      let appliance = try Appliance.launch(
        ApplianceOptions(
          socket: server.socket, disks: disks.count, cacheDirectory: Appliance.cacheDirectory(directory.parent),
          isVerbose: isVerbose, isTraced: isTraced),
        reporter: reporter, isCancelled: isCancelled)
      return try body(
        Running(
          appliance: appliance, pump: pump, disks: disks, walker: walker,
          launchSeconds: (ContinuousClock.now - start) / .seconds(1), socket: server.socket, options: options))
    } catch {
      // Without the recorder the appliance has no disks, and says only that.
      try pump.check()
      throw error
    }
  }
}
