import DiskLogger
import Glibc
import NBDKit
import SystemPackage

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
  /// The plugin with the overlay, if there is one.
  private var overlaid: OverlaidNext?
  private var threadModel = ThreadModel.serializeConnections
  /// Files that the plugin was given, as far as can be told: the log must not overwrite one.
  private var inputs: [FilePath] = []
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
      guard try parameters.set(key: key, value: value) else {
        if !value.bytes.isEmpty, let path = try? value.absolutePath(), access(path.string, F_OK) == 0 {
          inputs.append(path)
        }
        return false
      }
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

  mutating func getReady(_ threadModel: ThreadModel) throws {
    var session = try LogSession(parameters, disks: disk...disk)
    try session.openLog(inputs: inputs)
    self.session = session
    self.threadModel = threadModel
    parent = getpid()
  }

  mutating func afterFork(_ backend: Backend) throws {
    do {
      if parameters.hasOverlay { overlaid = try OverlaidNext(backend, parameters, threadModel) }
    } catch {
      guard getpid() != parent else { throw error }
      // The program that nbdkit runs would wait for ever for a server that is not there: it is told.
      Log.error("\(error)")
      failure = PluginError(errno: .inputOutput, "\(error)")
    }
    try session?.start(overlaid?.overlays ?? Overlays())
  }

  func listExports(readOnly: Bool) throws -> [Export] {
    // The disk itself is in the plugin's list.
    session?.list.filter { !$0.name.isEmpty } ?? []
  }

  /// With an overlay there is one connection to the plugin for all. Without, what is not an export of the map's may be one
  /// of the plugin's.
  func nextExport(readOnly: Bool, exportName: [UInt8]) throws -> NextExport? {
    guard !parameters.hasOverlay else { return nil }
    guard let session, session.hasExport(exportName) else { return NextExport(readOnly: readOnly, name: exportName) }
    return NextExport(readOnly: readOnly || session.isReadOnly(exportName), name: [])
  }

  func open(over next: NextConnection?, readOnly: Bool, exportName: [UInt8]) throws -> any Connection {
    if let failure { throw failure }
    guard let session, let size = overlaid?.size ?? next?.size else {
      throw PluginError(errno: .inputOutput, "the plugin is not open")
    }
    try session.check(size: size, ofDisk: disk, "the plugin's disk")
    let isPlugins = overlaid == nil && !session.hasExport(exportName)
    return try session.connection(to: isPlugins ? [] : exportName) { _ in
      guard let disk = overlaid?.connection ?? next else {
        throw PluginError(errno: .inputOutput, "the plugin is not open")
      }
      return disk
    }
  }

  func cleanup() {
    session?.close()
    overlaid?.close()
  }
}
