import Appliance
import Glibc
import SystemPackage

/// Why a guest no longer runs.
package enum GuestEnding: Sendable {
  /// It powered off or rebooted by itself, or its window was closed.
  case poweredOff
  /// `--until` was seen.
  case seen
  /// `--timeout` was over.
  case timedOut
  /// `StopRequests` asked for it.
  case stopped(isKilled: Bool)
}

/// Boots a guest: starts nbdkit with the logger, and qemu with nbdkit's disks.
package struct GuestRun: Sendable {
  package var disks: LoggedDisks
  package var logger: LoggerFiles
  package var machine: VirtualMachine
  /// Ends the run when it is seen on the console.
  package var until: ConsolePattern?
  /// The longest time from the start of qemu.
  package var timeout: Duration?
  /// For sockets and the programs' messages. They stay there.
  package var directory: FilePath

  package init(
    disks: LoggedDisks, logger: LoggerFiles, machine: VirtualMachine, until: ConsolePattern?, timeout: Duration?,
    directory: FilePath
  ) {
    self.disks = disks
    self.logger = logger
    self.machine = machine
    self.until = until
    self.timeout = timeout
    self.directory = directory
  }

  /// In milliseconds: nbdkit may have to close an overlay before it ends.
  private static let longestPause: Int32 = 60_000

  /// What nbdkit has printed so far: warnings, and errors of the disks.
  package var serverMessages: [String] { firstLines(of: directory.appending("nbdkit.log")) }

  /// Boots the guest and returns when it has ended. Both programs are killed if the calling thread ends, so call this
  /// on a thread of its own.
  /// - Throws: `GuestBootError` or `Errno`.
  package func run(_ observer: some GuestObserver) throws -> GuestEnding {
    let null = try FileDescriptor.open("/dev/null", .readWrite, options: [.closeOnExec])
    defer { try? null.close() }
    var server = try DiskServer(disks, logger, in: directory, input: null)
    defer { server.close() }
    guard try server.waitUntilReady() else { return .stopped(isKilled: false) }
    var guest = try RunningGuest(
      machine, disks: disks.disks.count, at: server.socket, in: directory, input: null)
    defer { guest.close() }
    var watch = ConsoleWatch(until: until)
    var shutdown = Shutdown(
      deadline: timeout.map { .now + $0 },
      // What is thrown away afterwards need not be brought in order.
      isOrderly: !disks.overlays.isEmpty)
    while !guest.hasEnded {
      guard !server.hasEnded else {
        guest.kill()
        throw server.failure()
      }
      wait(for: [server.log.descriptor, guest.console.descriptor, guest.monitor.pollDescriptor])
      server.log.read { observer.log($0) }
      guest.console.read { watch.add($0, observer) }
      guest.monitor.drain()
      shutdown.advance(&guest, isSeen: watch.isSeen, observer)
    }
    guest.console.readRest(longestPause: 0) { watch.add($0, observer) }
    watch.finish(observer)
    // Then qemu has lost its disks, whatever it says.
    guard !server.hasEnded else { throw server.failure() }
    server.terminate()
    server.log.readRest(longestPause: Self.longestPause) { observer.log($0) }
    if let failure = guest.failure(isExpected: shutdown.isKilled) { throw failure }
    return shutdown.ending
  }

  /// Waits until one of them can be read, but not for long: processes, signals and the time are looked at as well.
  private func wait(for descriptors: [Int32?]) {
    var states = descriptors.compactMap { $0 }.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    poll(&states, nfds_t(states.count), 50)
  }
}
