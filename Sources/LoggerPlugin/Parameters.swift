import DiskImage
import NBDKit
import SystemPackage

/// What the user gave on nbdkit's command line.
struct Parameters: Sendable {
  enum Map: Sendable {
    case unspecified
    /// `bmap=none`
    case none
    case file(FilePath)
  }

  private(set) var file: FilePath?
  private(set) var map = Map.unspecified
  private(set) var format: DiskFormat?
  /// What the disk may be opened in spite of.
  private(set) var options = OpenOptions()
  private(set) var log = LogParameters()
  private(set) var overlay: OverlayParameter?
  private var seen: Set<String> = []

  mutating func set(key: String, value: ParameterValue) throws {
    switch key {
    case "file": file = try value.absolutePath()
    case "bmap": map = value.text == "none" ? .none : try .file(value.absolutePath())
    case "logfile", "logformat", "offsets", "filter", "only": try log.set(key: key, value: value)
    case "overlay": overlay = try OverlayParameter(value)
    case "format":
      guard let format = DiskFormat(rawValue: value.text) else {
        let formats = DiskFormat.allCases.map(\.rawValue).joined(separator: " or ")
        throw PluginError(errno: .invalid, "format=\(value.text): give \(formats)")
      }
      self.format = format
    case "allow-external": options.allowsExternal = try value.boolean(of: key)
    case "ignore-cid": options.ignoresCID = try value.boolean(of: key)
    case "ignore-journal": options.ignoresJournal = try value.boolean(of: key)
    default:
      throw PluginError(
        errno: .invalid,
        "unknown parameter \(key): there are file, bmap, format, logfile, logformat, offsets, filter, only, overlay, "
          + "allow-external, ignore-cid and ignore-journal"
      )
    }
    guard seen.insert(key).inserted else { throw PluginError(errno: .invalid, "\(key)= is given twice") }
  }
}
