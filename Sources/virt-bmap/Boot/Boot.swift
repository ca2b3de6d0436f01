import Appliance
import BlockMap
import BlockStack
import DiskImage
import Glibc
import GuestBoot
import LiveView
import SystemPackage

/// Boots a guest whose disks have been opened.
struct Boot: Sendable {
  let command: BootCommand
  let pattern: ConsolePattern?
  let map: GuestMap
  let outputs: BootOutputs
  let options: OpenOptions
  let directory: FilePath

  func run(_ disks: [GuestDisk], isCancelled: @escaping @Sendable () -> Bool) async throws -> BootEnd {
    try await onOwnThread {
      let firmware = try firmware(disks, isCancelled: isCancelled)
      let machine = try command.machineOptions.machine(in: directory, firmware: firmware, more: command.qemuOptions)
      let run = GuestRun(
        disks: LoggedDisks(disks, map: map.file, options: options, overlays: command.keep.map(filePath)),
        logger: LoggerFiles(), machine: machine, until: pattern, timeout: command.timeout.map { .seconds($0) },
        directory: directory)
      return try watch(run, machine)
    }
  }

  /// Boots on this thread, and shows the live view on another one.
  private func watch(_ run: GuestRun, _ machine: VirtualMachine) throws -> BootEnd {
    let live = LiveLog()
    let view = LiveView(live, title: LiveOutput.title("boot", command.disk[0]))
    if machine.accelerator == .tcg { view.setStatus("emulated") }
    let log = try outputs.log.map { try BootLog($0, outputs.format, map.map) }
    let watcher = try BootWatcher(live, view, log: log, outputs: outputs)
    guard !Interruption.hasHappened else { throw MapperError.interrupted }
    StopRequests.install()
    let shown = Waiting()
    if !command.quiet, outputs.console != "-" {
      try startThread {
        LiveOutput.show(view, isStopped: { false }, quit: { StopRequests.add() })
        shown.end()
      }
    } else {
      shown.end()
    }
    let result = Result { try run.run(watcher) }
    view.end()
    shown.wait()
    let closing = Result { try watcher.close() }
    let ending = try result.get()
    try closing.get()
    if let failure = watcher.logFailure { throw failure }
    return BootEnd(
      ending: ending, summary: watcher.summary(), lost: live.lost, messages: run.serverMessages,
      until: command.until)
  }

  private func firmware(_ disks: [GuestDisk], isCancelled: @escaping @Sendable () -> Bool) throws -> Firmware {
    switch command.machineOptions.firmware {
    case .bios: return .bios
    case .uefi: return .uefi
    case .auto:
      let opened = try disks[0].open(options, isCancelled: isCancelled)
      defer { opened.close() }
      let table = disks[0].withTable(from: opened).table
      return Firmware.guess(map.map, table: table, firstSector: TableBytes(opened).bytes(at: 0, count: 512) ?? [])
    }
  }
}
