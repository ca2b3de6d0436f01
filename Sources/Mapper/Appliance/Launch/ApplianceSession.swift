import DiskImage
import Guestfs
import NBDSource
import SystemPackage
import WalkRecord

/// Runs the appliance with a guest's disks: starts the recorder, which serves them, and libguestfs's appliance,
/// which sees them, and stops both afterwards.
package struct ApplianceSession: Sendable {
  package var disks: [DiskSource]
  package var options: OpenOptions
  package var keys: [DeviceKey]
  package var isVerbose: Bool
  package var isTraced: Bool

  package init(disks: [DiskSource], options: OpenOptions, keys: [DeviceKey], isVerbose: Bool, isTraced: Bool) {
    self.disks = disks
    self.options = options
    self.keys = keys
    self.isVerbose = isVerbose
    self.isTraced = isTraced
  }

  /// What is available while the appliance runs.
  package struct Running {
    package let appliance: Guestfs
    package let pump: EventPump
    /// All disks of the guest, in order.
    package let disks: [GuestDisk]
    /// The disks in the appliance.
    package let set: DiskSet
    /// Whether this is the last set.
    package let isLast: Bool
    /// The path of the walker on the host.
    package let walker: FilePath
    /// The time that the appliance took to start.
    package let launchSeconds: Double
    /// The Unix domain socket of the recorder.
    fileprivate let socket: FilePath
    fileprivate let options: OpenOptions

    /// Opens a disk as the appliance sees it, including what the appliance has written.
    package func openRecorded(_ number: Int, isCancelled: @escaping @Sendable () -> Bool) throws -> any VirtualDisk {
      try NBDDisk(at: RecorderServer.address(ofDisk: number, at: socket), isCancelled: isCancelled)
    }

    /// Opens a disk as it was before the appliance wrote to it.
    package func openOriginal(_ number: Int, isCancelled: @escaping @Sendable () -> Bool) throws -> any VirtualDisk {
      try NBDDisk(
        at: RecorderServer.address(of: RecorderExport.original(number), at: socket), isCancelled: isCancelled)
    }

    /// Shuts down the appliance. Throws if the recorder has exited already, or if the size of a disk has changed.
    package func end() throws {
      try pump.check()
      try? appliance.shutdown()
      for disk in disks { try disk.checkSize(options) }
    }
  }

  /// Examines the disks, calls `check` with the results, starts everything and runs `body` on its own thread.
  /// Throws `DiskError`, `MapperError` and whatever `check` and `body` throw.
  ///
  /// If `body` throws `CopiesFound`, it is run again for each set of disks, each time with a new appliance.
  /// - Parameter body: takes the result for the previous set, or nil for the first set.
  /// - Returns: the result of `body` for the last set.
  package func run<T: Sendable>(
    reporter: any Reporter, isCancelled: @escaping @Sendable () -> Bool,
    check: ([ExaminedDisk]) throws -> Void, body: @escaping @Sendable (Running, T?) throws -> T
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
        var sets = [DiskSet(allOf: disks.count)]
        var result: T?
        var launches = 0
        while let set = sets.first {
          let (isLast, before) = (sets.count == 1, result)
          launches += 1
          // The recorder is restarted too, because it holds what the appliance has written.
          let outcome: Outcome<T> = try await RecorderServer.run(
            installation: installation, in: directory, disks: disks, number: launches, options: options,
            reporter: reporter
          ) { server in
            try await onOwnThread {
              try launch(
                disks, set, from: server, in: directory, walker: installation.walker, reporter: reporter,
                isCancelled: isCancelled
              ) { try body(Running($0, set: set, isLast: isLast, options: options), before) }
            }
          }
          switch outcome {
          case .finished(let value):
            result = value
            sets.removeFirst()
          case .copies(let found): sets = found.sets
          }
        }
        guard let result else { throw MapperError.appliance("there are no disks for it") }
        return result
      }
    } catch {
      // If the user has stopped the run, that is the cause of any failure.
      if isCancelled() { throw MapperError.interrupted }
      // libguestfs's message can be a page of debugging advice. Its first line is enough.
      if let error = error as? GuestfsError { throw MapperError.appliance(error.firstLine) }
      throw error
    }
  }

  /// The outcome of one launch.
  private enum Outcome<T: Sendable>: Sendable {
    case finished(T)
    /// Copies were found, so nothing was examined.
    case copies(CopiesFound)
  }

  /// What is available once the appliance is up.
  fileprivate struct Launched {
    let appliance: Guestfs
    let pump: EventPump
    let disks: [GuestDisk]
    let walker: FilePath
    let seconds: Double
    let socket: FilePath
  }

  private func launch<T>(
    _ disks: [GuestDisk], _ set: DiskSet, from server: RecorderServer, in directory: TemporaryDirectory,
    walker: FilePath, reporter: any Reporter, isCancelled: @escaping @Sendable () -> Bool,
    body: (Launched) throws -> T
  ) throws -> Outcome<T> {
    let start = ContinuousClock.now
    let pump = try EventPump(reading: server.events, control: server.control, reporter: reporter)
    do {
      let disks = try withTables(disks, from: server, reporter: reporter, isCancelled: isCancelled)
      let appliance = try Appliance.launch(
        ApplianceOptions(
          socket: server.socket,
          disks: set.disks.map { ApplianceOptions.Disk(number: $0, sectorSize: disks[$0 - 1].sectorSize) },
          cacheDirectory: Appliance.cacheDirectory(directory.parent), temporaryDirectory: directory.path.string,
          isVerbose: isVerbose, isTraced: isTraced),
        reporter: reporter, isCancelled: isCancelled)
      do {
        return .finished(
          try body(
            Launched(
              appliance: appliance, pump: pump, disks: disks, walker: walker,
              seconds: (ContinuousClock.now - start) / .seconds(1), socket: server.socket)))
      } catch let found as CopiesFound {
        try? appliance.shutdown()
        return .copies(found)
      }
    } catch {
      // If the recorder has exited, the appliance has no disks and fails for that reason. Report the cause instead.
      try pump.check()
      throw error
    }
  }

  /// Returns the disks with their partition tables. These are read through the recorder, because an external NBD
  /// server may accept only one client.
  private func withTables(
    _ disks: [GuestDisk], from server: RecorderServer, reporter: any Reporter,
    isCancelled: @escaping @Sendable () -> Bool
  ) throws -> [GuestDisk] {
    try disks.enumerated().map { index, disk in
      let opened = try NBDDisk(
        at: RecorderServer.address(ofDisk: index + 1, at: server.socket), isCancelled: isCancelled)
      defer { opened.close() }
      let disk = disk.withTable(from: opened)
      if disk.sectorSize != .bytes512 {
        reporter.detail("\(shown(disk.description.file)): sectors of \(disk.sectorSize.bytes) bytes")
      }
      return disk
    }
  }
}

extension ApplianceSession.Running {
  fileprivate init(
    _ launched: ApplianceSession.Launched, set: DiskSet, isLast: Bool, options: OpenOptions
  ) {
    self.init(
      appliance: launched.appliance, pump: launched.pump, disks: launched.disks, set: set, isLast: isLast,
      walker: launched.walker, launchSeconds: launched.seconds, socket: launched.socket, options: options)
  }
}
