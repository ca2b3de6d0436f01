public import NBDKit
import SystemPackage

/// The user's parameters for the map, the log and the overlays. The plugin and the filter share them.
public struct LoggerParameters: Sendable {
  enum Map: Sendable {
    case unspecified
    /// `bmap=none`
    case none
    case file(FilePath)
  }

  /// The parameters with their descriptions, as `--help` prints them.
  public static let help = """
    bmap=MAP             Block map of the disk, written by virt-bmap. Default: the
                         file "bmap" in the current directory. With bmap=none,
                         ranges are logged without names.
    logfile=FILE         File to write the log to. It is overwritten. Default: "-",
                         standard output.
    logformat=FORMAT     text, or json for one line per request. Default: text.
    offsets=BOOL         In a text log, add the offset of each range in its file.
                         Default: false.
    filter=KIND,...      Log only objects of these kinds: v p l d f m s b r u a, as
                         in the map.
    only=PATTERN         Log only files and directories whose path matches this
                         shell pattern.
    overlay=temp         Allow writes. They go to a temporary file, not to the disk.
    overlay=FILE         Allow writes. They go to this file, which is kept and can be
                         used again.

    """

  private(set) var map = Map.unspecified
  private(set) var log = LogParameters()
  /// One for each disk, or a single `temp` for all.
  private(set) var overlays: [OverlayParameter] = []

  public init() {}

  /// Handles a parameter.
  /// - Returns: false if it is none of these.
  public mutating func set(key: String, value: ParameterValue) throws -> Bool {
    switch key {
    case "bmap": map = value.text == "none" ? .none : try .file(value.absolutePath())
    case "logfile", "logformat", "offsets", "filter", "only": try log.set(key: key, value: value)
    case "overlay": overlays.append(try OverlayParameter(value))
    default: return false
    }
    return true
  }

  /// Checks that the parameters can be used together.
  public func check() throws {
    guard log.file != nil || Host.standardStreamsAreFree else {
      throw PluginError(
        errno: .invalid, "standard output is the client's connection: say where the log goes with logfile=FILE")
    }
  }

  /// Checks the overlays as far as possible before the disks are open.
  /// - Parameter disks: how many disks there will be.
  public func checkOverlays(disks: Int) throws {
    for parameter in try overlays(disks: disks) { try parameter?.check() }
  }

  /// Whether clients can write.
  public var hasOverlay: Bool { !overlays.isEmpty }

  /// Whether writes go to a snapshot of a VMDK.
  public var hasSnapshot: Bool { overlays.contains(where: \.isSnapshot) }

  /// The files of the overlays that are kept.
  var overlayFiles: [FilePath] {
    overlays.compactMap { if case .file(let file) = $0 { file } else { nil } }
  }

  /// The overlay of each disk, nil for disks that cannot be written.
  func overlays(disks: Int) throws -> [OverlayParameter?] {
    if overlays.isEmpty { return Array(repeating: nil, count: disks) }
    if overlays.count == 1, case .temporary = overlays[0] { return Array(repeating: .temporary, count: disks) }
    guard overlays.count == disks else {
      throw PluginError(
        errno: .invalid, "there are \(disks) disks and \(overlays.count) overlays: give overlay= once for each disk")
    }
    return overlays
  }
}
