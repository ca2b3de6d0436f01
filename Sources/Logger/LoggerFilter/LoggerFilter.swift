import DiskLogger
import Glibc
import NBDKit
import SystemPackage

/// `nbdkit --filter=bmaplogger PLUGIN … [bmap=MAP] [bmap-disk=N] [logfile=FILE] …`: logs which objects are touched on a
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
  /// The files given to the plugin, as far as can be told: the log must not overwrite them.
  private var inputs: [FilePath] = []

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

  mutating func getReady() throws {
    try parameters.checkOverlays(disks: 1)
    var session = try LogSession(parameters, disks: disk...disk)
    try session.openLog(inputs: inputs)
    self.session = session
  }

  mutating func afterFork() throws {
    if parameters.hasOverlay { overlaid = OverlaidNext(parameters) } else { try session?.start(Overlays()) }
  }

  func listExports(readOnly: Bool) throws -> [Export] {
    // The disk itself is in the plugin's list.
    session?.list.filter { !$0.name.isEmpty } ?? []
  }

  /// An export that is not the map's can be one of the plugin's. With an overlay it cannot, because the overlay is for
  /// one disk.
  func nextExport(readOnly: Bool, exportName: [UInt8]) throws -> NextExport {
    guard !parameters.hasOverlay else { return NextExport(readOnly: true, name: []) }
    guard let session, session.hasExport(exportName) else { return NextExport(readOnly: readOnly, name: exportName) }
    return NextExport(readOnly: readOnly || session.isReadOnly(exportName), name: [])
  }

  func open(over next: NextConnection, readOnly: Bool, exportName: [UInt8]) throws -> any Connection {
    guard let session else { throw PluginError(errno: .inputOutput, "the log is not open") }
    try session.check(size: next.size, ofDisk: disk, "the plugin's disk")
    if let overlaid { return try overlaid.connection(to: exportName, session, over: next) }
    return try session.connection(to: session.hasExport(exportName) ? exportName : []) { _ in next }
  }

  func cleanup() {
    session?.close()
    overlaid?.close()
  }
}
