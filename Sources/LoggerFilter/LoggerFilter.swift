import DiskLogger
import Glibc
import NBDKit

/// `nbdkit --filter=bmaplogger PLUGIN … [bmap=MAP] [bmap-disk=N] [logfile=FILE] …`: logs which objects are touched of a
/// disk that another plugin serves.
struct LoggerFilter: Filter {
  static let information = FilterInformation(
    name: "bmaplogger",
    longName: "virt-bmap logger",
    description: "Log which files, directories and partitions of a disk are touched.",
    configHelp: LoggerParameters.help + """
      bmap-disk=N          Which disk of the map the plugin serves. Default: 1.
      """)

  private var parameters = LoggerParameters()
  private var disk = 1
  private var seen = OnceOnly(but: [])
  private var session: LogSession?
  /// What is below, with its overlay, if there is one.
  private var overlaid: OverlaidBelow?
  /// The process that gets ready, which is not the one that serves where nbdkit runs a program or goes to the background.
  private var parent: pid_t = 0
  /// Why clients cannot be served.
  private var failure: PluginError?

  mutating func configure(key: String, value: ParameterValue) throws -> Bool {
    if key == "bmap-disk" {
      guard let number = UInt8(value.text), number > 0 else {
        throw PluginError(errno: .invalid, "bmap-disk=\(value.text): give a number from 1 to 255")
      }
      disk = Int(number)
    } else {
      guard try parameters.set(key: key, value: value) else { return false }
    }
    try seen.insert(key)
    return true
  }

  mutating func configurationComplete() throws {
    try parameters.check()
    guard !parameters.hasSnapshot else {
      throw PluginError(
        errno: .invalid, "overlay= with a VMDK needs a disk that is a VMDK: use the plugin, or another name")
    }
  }

  mutating func getReady() throws {
    var session = try LogSession(parameters, disks: disk...disk)
    try session.openLog(inputs: [])
    self.session = session
    parent = getpid()
  }

  mutating func afterFork(_ below: Below) throws {
    do {
      if parameters.hasOverlay { overlaid = try OverlaidBelow(below, parameters) }
    } catch {
      guard getpid() != parent else { throw error }
      // The program that nbdkit runs would wait for ever for a server that is not there: it is told.
      Log.error("\(error)")
      failure = PluginError(errno: .inputOutput, "\(error)")
    }
    try session?.start(overlaid?.overlays ?? Overlays())
  }

  func listExports(readOnly: Bool) throws -> [Export] {
    // The disk itself is in the list of who is below.
    session?.list.filter { !$0.name.isEmpty } ?? []
  }

  /// What is not an export of the map's may be one of who is below.
  func exportBelow(readOnly: Bool, exportName: [UInt8]) throws -> ExportBelow {
    guard let session, session.hasExport(exportName) else { return ExportBelow(readOnly: readOnly, name: exportName) }
    return ExportBelow(readOnly: readOnly || overlaid != nil || session.isReadOnly(exportName), name: [])
  }

  func open(over next: NextConnection, readOnly: Bool, exportName: [UInt8]) throws -> any Connection {
    if let failure { throw failure }
    guard let session else { throw PluginError(errno: .inputOutput, "the map is not loaded") }
    try session.check(size: next.size, ofDisk: disk, "what is served")
    return try session.connection(to: session.hasExport(exportName) ? exportName : []) { _ in
      overlaid?.connection ?? next
    }
  }

  func cleanup() {
    session?.close()
    overlaid?.close()
  }
}
