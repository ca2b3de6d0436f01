import Dispatch
import Glibc
import Guestfs
import SystemPackage

/// How the appliance is to be started.
struct ApplianceOptions: Sendable {
  var socket: FilePath
  /// Where libguestfs keeps its appliance from run to run, unless the user's environment says otherwise.
  var cacheDirectory: String
  var isVerbose: Bool
  var isTraced: Bool
}

/// Starts libguestfs's appliance with the recorder's exports as its disks.
enum Appliance {
  /// The labels by which the appliance finds its disks, whatever order its kernel saw them in.
  static let diskLabel = "bmapdisk"
  static let channelLabel = "bmapchannel"

  /// With hardware virtualization an appliance is up in seconds. One that is not by then never will be: there are
  /// machines where the guest hangs.
  private static let patience = DispatchTimeInterval.seconds(60)

  /// Launches the appliance; where hardware virtualization is there but broken, once more without it.
  static func launch(_ options: ApplianceOptions, reporter: any Reporter, isCancelled: () -> Bool) throws -> Guestfs {
    // What the user has set is obeyed, and not second-guessed.
    let isUserChoice = getenv("LIBGUESTFS_BACKEND_SETTINGS") != nil
    let hasKVM = access("/dev/kvm", R_OK | W_OK) == 0
    let appliance = try prepare(options)
    let watchdog = isUserChoice || !hasKVM ? nil : startWatchdog()
    reporter.activity("launching the appliance ...")
    do {
      try appliance.launch()
      watchdog?.cancel()
      return appliance
    } catch {
      watchdog?.cancel()
      guard !isCancelled() else { throw MapperError.interrupted }
      guard !isUserChoice, hasKVM else { throw failure(error) }
      reporter.detail(error.description)
    }
    reporter.message("hardware virtualization does not work here, emulating instead (slower) ...")
    reporter.activity("launching the appliance ...")
    let emulated = try prepare(options)
    do {
      try emulated.setBackendSetting("force_tcg", "1")
      try emulated.launch()
    } catch {
      throw failure(error)
    }
    return emulated
  }

  /// libguestfs's own message is a page on how to find out more.
  private static func failure(_ error: GuestfsError) -> MapperError {
    .appliance("\(error.firstLine) (-v shows what happened)")
  }

  private static func prepare(_ options: ApplianceOptions) throws -> Guestfs {
    do {
      let appliance = try Guestfs()
      appliance.setVerbose(options.isVerbose)
      appliance.setTrace(options.isTraced)
      try appliance.setProgram("virt-bmap")
      if getenv("LIBGUESTFS_CACHEDIR") == nil { try appliance.setCacheDirectory(options.cacheDirectory) }
      // libvirt may run qemu as a user who cannot get at the recorder's socket.
      if getenv("LIBGUESTFS_BACKEND") == nil { try appliance.setBackend("direct") }
      // Not read-only for libguestfs: it would put an overlay between the appliance and the recorder, which keeps what
      // the appliance writes away from the disk itself.
      try appliance.addNBDDrive(
        socket: options.socket.string, export: "disk1", label: diskLabel, readOnly: false)
      try appliance.addNBDDrive(
        socket: options.socket.string, export: "channel", label: channelLabel, readOnly: false)
      return appliance
    } catch {
      throw MapperError.appliance(error.firstLine)
    }
  }

  private static func startWatchdog() -> DispatchWorkItem {
    let item = DispatchWorkItem { ChildProcesses.kill(only: "qemu") }
    DispatchQueue.global().asyncAfter(deadline: .now() + patience, execute: item)
    return item
  }
}
