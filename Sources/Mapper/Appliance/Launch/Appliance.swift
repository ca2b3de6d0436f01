import BlockStack
import Glibc
import Guestfs
import SystemPackage
import WalkRecord

/// How the appliance is to be started.
package struct ApplianceOptions: Sendable {
  package var socket: FilePath
  /// A disk that it sees.
  package struct Disk: Sendable {
    /// 1 for the guest's first.
    package var number: Int
    package var sectorSize: SectorSize
  }

  package var disks: [Disk]
  /// Where libguestfs keeps its appliance from run to run.
  package var cacheDirectory: String
  package var isVerbose: Bool
  package var isTraced: Bool
}

/// Starts libguestfs's appliance with the recorder's exports as its disks.
package enum Appliance {
  /// The labels by which the appliance finds its disks, whatever order its kernel saw them in. libguestfs allows letters
  /// only.
  package static let channelLabel = "bmapchannel"

  package static func label(ofDisk number: Int) -> String {
    let letters = String(number).utf8.map { String(UnicodeScalar($0 - UInt8(ascii: "0") + UInt8(ascii: "a"))) }
    return "bmapdisk" + letters.joined()
  }

  /// Where the appliance finds a disk.
  package static func path(ofDisk number: Int) -> String { directory + label(ofDisk: number) }

  /// Where labels are names.
  package static let directory = "/dev/disk/guestfs/"

  /// With hardware virtualization an appliance is up in seconds. One that is not by then never will be: there are
  /// machines where the guest hangs.
  private static let patience = Duration.seconds(60)
  /// An emulated launch, or one with the user's own settings, may take minutes.
  private static let longPatience = Duration.seconds(1200)

  /// Launches the appliance; where hardware virtualization is there but broken, once more without it.
  package static func launch(_ options: ApplianceOptions, reporter: any Reporter, isCancelled: () -> Bool) throws
    -> Guestfs
  {
    // What the user has set is obeyed, and not second-guessed.
    let isUserChoice = environmentValue("LIBGUESTFS_BACKEND_SETTINGS") != nil
    // With no space for what the appliance writes, qemu would stop it, and wait for space without end.
    if let hint = ProcessLimits.hint(ofFull: temporaryDirectory) { throw MapperError.launch("\(hint) (TMPDIR)") }
    let hasKVM = access("/dev/kvm", R_OK | W_OK) == 0
    let appliance = try prepare(options)
    if !hasKVM || appliance.hasBackendSetting("force_tcg") { try addEmulationOptions(to: appliance) }
    let watchdog = ApplianceWatchdog(patience: isUserChoice || !hasKVM ? longPatience : patience)
    reporter.activity("launching the appliance ...")
    do {
      try appliance.launch()
      watchdog.stop()
      return appliance
    } catch {
      watchdog.stop()
      guard !isCancelled() else { throw MapperError.interrupted }
      guard !isUserChoice, hasKVM else { throw failure(error, appliance, options, watchdog) }
      reporter.detail(error.description)
    }
    reporter.message("hardware virtualization does not work here, emulating instead (slower) ...")
    reporter.activity("launching the appliance ...")
    let emulated = try prepare(options)
    let longWatchdog = ApplianceWatchdog(patience: longPatience)
    defer { longWatchdog.stop() }
    do {
      try emulated.setBackendSetting("force_tcg", "1")
      try addEmulationOptions(to: emulated)
      try emulated.launch()
    } catch {
      throw failure(error, emulated, options, longWatchdog)
    }
    return emulated
  }

  /// Spares an emulated kernel what is fast only on a processor.
  ///
  /// qemu's processor says that it moves strings of bytes fast (ERMS, FSRM). The kernel believes it and clears and copies
  /// every page by one such instruction, which qemu carries out byte by byte. Without these two the kernel takes eight
  /// bytes at a time, and programs are not told otherwise. They promise speed and nothing else, so that nothing can
  /// miss them; a kernel that does not know their names (before 5.18) goes on as before.
  private static func addEmulationOptions(to appliance: Guestfs) throws(GuestfsError) {
    let given = appliance.kernelOptions
    // What the user has set is obeyed.
    guard !given.contains("clearcpuid=") else { return }
    try appliance.setKernelOptions(given.isEmpty ? emulationOptions : "\(given) \(emulationOptions)")
  }

  private static let emulationOptions = "clearcpuid=erms,fsrm"

  /// Where libguestfs keeps its appliance: what the user's environment says, or else `usual`.
  package static func cacheDirectory(_ usual: String) -> String {
    environmentValue("LIBGUESTFS_CACHEDIR") ?? usual
  }

  private static var temporaryDirectory: String { environmentValue("TMPDIR") ?? "/var/tmp" }

  /// An empty variable is one that is not set.
  private static func environmentValue(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
  }

  private static func failure(
    _ error: any Error, _ appliance: Guestfs, _ options: ApplianceOptions, _ watchdog: ApplianceWatchdog
  ) -> MapperError {
    if watchdog.hasEndedAppliance {
      return .launch(
        "it did not start within \(longPatience.components.seconds / 60) minutes (-v shows what happened)")
    }
    guard let error = error as? GuestfsError else { return .launch(String(describing: error)) }
    let directories = [options.cacheDirectory, temporaryDirectory]
    return .launch(LaunchFailure(error, said: appliance.log, directories: directories).description)
  }

  private static func prepare(_ options: ApplianceOptions) throws -> Guestfs {
    do {
      // To libguestfs some of them mean something when they are empty.
      for name in ["LIBGUESTFS_BACKEND_SETTINGS", "LIBGUESTFS_BACKEND", "LIBGUESTFS_CACHEDIR"]
      where environmentValue(name) == nil { unsetenv(name) }
      let appliance = try Guestfs()
      appliance.setVerbose(options.isVerbose)
      appliance.setTrace(options.isTraced)
      try appliance.setProgram("virt-bmap")
      try appliance.setCacheDirectory(options.cacheDirectory)
      // libvirt may run qemu as a user who cannot get at the recorder's socket.
      if environmentValue("LIBGUESTFS_BACKEND") == nil { try appliance.setBackend("direct") }
      // Not read-only for libguestfs: it would put an overlay between the appliance and the recorder, which keeps what
      // the appliance writes away from the disk itself.
      for disk in options.disks {
        try appliance.addNBDDrive(
          socket: options.socket.string, export: RecorderExport.disk(disk.number), label: label(ofDisk: disk.number),
          readOnly: false, blockSize: Int32(disk.sectorSize.rawValue))
      }
      try appliance.addNBDDrive(
        socket: options.socket.string, export: RecorderExport.channel, label: channelLabel, readOnly: false)
      return appliance
    } catch {
      throw MapperError.appliance(error.firstLine)
    }
  }
}
