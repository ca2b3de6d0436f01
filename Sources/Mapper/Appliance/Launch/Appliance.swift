import BlockStack
import Glibc
import Guestfs
import SystemPackage
import WalkRecord

/// The options to start the appliance with.
package struct ApplianceOptions: Sendable {
  package var socket: FilePath
  /// A disk to add to the appliance.
  package struct Disk: Sendable {
    /// The number of the disk, 1 for the guest's first disk.
    package var number: Int
    package var sectorSize: SectorSize
  }

  package var disks: [Disk]
  /// The directory where libguestfs caches its appliance between runs.
  package var cacheDirectory: String
  /// The directory for the temporary files of this run.
  package var temporaryDirectory: String
  package var isVerbose: Bool
  package var isTraced: Bool
}

/// Starts libguestfs's appliance with the recorder's exports as its disks.
package enum Appliance {
  /// The label of the channel disk. The appliance finds its disks by label, in whatever order its kernel detects
  /// them. libguestfs allows only letters in labels.
  package static let channelLabel = "bmapchannel"

  package static func label(ofDisk number: Int) -> String {
    let letters = String(number).utf8.map { String(UnicodeScalar($0 - UInt8(ascii: "0") + UInt8(ascii: "a"))) }
    return "bmapdisk" + letters.joined()
  }

  /// Returns the path of a disk in the appliance.
  package static func path(ofDisk number: Int) -> String { directory + label(ofDisk: number) }

  /// The directory in the appliance where disks are named by label.
  package static let directory = "/dev/disk/guestfs/"

  /// The launch timeout with hardware virtualization. An appliance starts in seconds, and if it takes this long it
  /// never will: on some machines the guest hangs.
  private static let patience = Duration.seconds(60)
  /// The launch timeout for emulation or for the user's own settings, which may take minutes.
  private static let longPatience = Duration.seconds(1200)

  /// Launches the appliance. If hardware virtualization is available but broken, launches it again with emulation.
  package static func launch(_ options: ApplianceOptions, reporter: any Reporter, isCancelled: () -> Bool) throws
    -> Guestfs
  {
    // The user's own backend settings are used as they are, without a second attempt.
    let isUserChoice = environmentValue("LIBGUESTFS_BACKEND_SETTINGS") != nil
    // If there is no space for what the appliance writes, qemu pauses it and waits for space forever.
    if let hint = ProcessLimits.hint(ofFull: options.temporaryDirectory) {
      throw MapperError.launch("\(hint) (TMPDIR)")
    }
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

  /// Makes an emulated kernel avoid instructions that are fast only on real processors.
  ///
  /// The processor that qemu emulates advertises fast string operations (ERMS, FSRM). So the kernel clears and
  /// copies each page with a single instruction, which qemu executes byte by byte. With both features cleared, the
  /// kernel handles eight bytes at a time, while programs still see the features. Nothing depends on the features
  /// because they only promise speed. Kernels before 5.18 do not know their names and ignore the option.
  private static func addEmulationOptions(to appliance: Guestfs) throws(GuestfsError) {
    let given = appliance.kernelOptions
    // Keep the user's own setting.
    guard !given.contains("clearcpuid=") else { return }
    try appliance.setKernelOptions(given.isEmpty ? emulationOptions : "\(given) \(emulationOptions)")
  }

  private static let emulationOptions = "clearcpuid=erms,fsrm"

  /// Returns the directory where libguestfs caches its appliance: the one from the user's environment, or else
  /// `usual`.
  package static func cacheDirectory(_ usual: String) -> String {
    environmentValue("LIBGUESTFS_CACHEDIR") ?? usual
  }

  /// Returns the value of a variable, or nil if it is unset or empty.
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
    let directories = [options.cacheDirectory, options.temporaryDirectory]
    return .launch(LaunchFailure(error, said: appliance.log, directories: directories).description)
  }

  private static func prepare(_ options: ApplianceOptions) throws -> Guestfs {
    do {
      // libguestfs gives some of these variables a meaning if they are set but empty.
      for name in ["LIBGUESTFS_BACKEND_SETTINGS", "LIBGUESTFS_BACKEND", "LIBGUESTFS_CACHEDIR"]
      where environmentValue(name) == nil { unsetenv(name) }
      let appliance = try Guestfs()
      appliance.setVerbose(options.isVerbose)
      appliance.setTrace(options.isTraced)
      try appliance.setProgram("virt-bmap")
      try appliance.setCacheDirectory(options.cacheDirectory)
      try appliance.setTemporaryDirectory(options.temporaryDirectory)
      // libvirt may run qemu as a user who cannot access the recorder's socket.
      if environmentValue("LIBGUESTFS_BACKEND") == nil { try appliance.setBackend("direct") }
      // Do not add the disks read-only: libguestfs would then put an overlay between the appliance and the
      // recorder. The recorder itself keeps what the appliance writes away from the disk.
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
