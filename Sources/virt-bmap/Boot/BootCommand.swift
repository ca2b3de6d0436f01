import Appliance
import ArgumentParser
import BlockMap
import DiskImage
import GuestBoot
import LiveView
import NBDSource
import SystemPackage

/// `virt-bmap boot`: boots a guest and shows which files it reads and writes.
struct BootCommand: AsyncParsableCommand, UsesAppliance {
  static let configuration = CommandConfiguration(
    commandName: "virt-bmap boot",
    abstract: "Boot a guest and show which files it reads and writes.",
    usage: "virt-bmap boot [OPTION ...] DISK ... [-- QEMU-OPTION ...]",
    discussion: """
      The guest boots in qemu from its disks, which are never written to. A map beside the disk is used if it is newer \
      than the disk; otherwise the disk is mapped first. On a terminal, a live view shows what the guest does; press h \
      for the keys. Ctrl-C shuts the guest down; a second one kills it.

      Exit status: 0 if the guest has ended, 1 on errors or if --until was not seen, 3 if the log is incomplete.
      """)

  @Argument(help: "The guest's disks, in its order.", completion: .file())
  var disk: [String] = []

  @Option(name: .customLong("map"), help: ArgumentHelp("Map of the disks.", valueName: "MAP"), completion: .file())
  var mapFile: String?

  @Option(help: ArgumentHelp("Write the log to a file.", valueName: "file"), completion: .file())
  var log: String?

  @Option(help: ArgumentHelp("Format of the log: json or text.", valueName: "format"))
  var logFormat = BootLogFormat.json

  @Option(
    help: ArgumentHelp(
      "Keep what the guest writes in this file, a VMDK snapshot if its name ends in .vmdk. Once for each disk.",
      valueName: "overlay"),
    completion: .file())
  var keep: [String] = []

  @Option(
    help: ArgumentHelp("Write the guest's serial console to a file, or with - to standard output.", valueName: "file"),
    completion: .file())
  var console: String?

  @Option(
    help: ArgumentHelp(
      "End when a line of the serial console matches this extended regular expression.", valueName: "regex"))
  var until: String?

  @Option(help: ArgumentHelp("End after this time.", valueName: "seconds"))
  var timeout: Int?

  @Flag(name: .shortAndLong, help: "Show no live view.")
  var quiet = false

  @OptionGroup var machineOptions: MachineOptions

  @OptionGroup var mapOptions: MapOptions

  @Argument(parsing: .postTerminator, help: .hidden)
  var qemuOptions: [String] = []

  func validate() throws {
    guard !disk.isEmpty else { throw ValidationError("no disk is given") }
    guard keep.isEmpty || keep.count == disk.count else {
      throw ValidationError("give --keep once for each disk, in their order")
    }
    if let timeout, !(1...31_536_000).contains(timeout) {
      throw ValidationError("--timeout \(timeout): give 1 to 31536000 seconds")
    }
    do {
      _ = try pattern
    } catch {
      throw ValidationError("--until \(until ?? ""): \(error)")
    }
  }

  private var pattern: ConsolePattern? {
    get throws(ConsolePattern.Invalid) {
      guard let until else { return nil }
      return try ConsolePattern(ArgumentBytes.decode(until))
    }
  }

  func run() async throws {
    try machineOptions.interface.check(disks: disk.count)
    let isCancelled = { @Sendable in Interruption.hasHappened || StopRequests.count > 0 }
    let reporter = TerminalReporter(showsMessages: false, showsDetails: false, showsProgress: LiveOutput.hasScreen)
    let sources = disk.map { name in
      let location = NBDAddress(ArgumentBytes.decode(name)).map { DiskSource.Location.server($0) }
      return DiskSource(location ?? .file(filePath(name)), format: mapOptions.format)
    }
    let keys = try mapOptions.keyOptions.keys()
    let options = mapOptions.diskOptions.openOptions
    try DiskSource.checkDistinct(sources)
    let directory = try TemporaryDirectory()
    defer { directory.remove() }
    do {
      let examined = try await onOwnThread {
        try sources.map {
          try ExaminedDisk($0, options: options, keys: keys, reporter: reporter, isCancelled: isCancelled)
        }
      }
      let outputs = BootOutputs(log: log, format: logFormat, console: console)
      try outputs.check(against: examined.flatMap(\.files) + [mapFile.map(filePath)].compactMap { $0 })
      let map = try await GuestMap(
        of: sources, given: mapFile, mapOptions, keys: keys, in: directory, reporter: reporter)
      let boot = Boot(
        command: self, pattern: try pattern, map: map, outputs: outputs, options: options, directory: directory.path)
      let end = try await CaptiveServer.run(for: examined, in: directory, reporter: reporter, isCancelled: isCancelled)
      {
        disks in
        try await boot.run(disks, isCancelled: isCancelled)
      }
      directory.remove()
      try end.report(isPartial: map.isPartial)
    } catch {
      // If the user has stopped the run, that is the cause of any failure.
      if Interruption.hasHappened { throw MapperError.interrupted }
      throw error
    }
  }
}
