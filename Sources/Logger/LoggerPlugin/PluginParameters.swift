import DiskImage
import DiskLogger
import NBDKit
import SystemPackage

/// The user's parameters on nbdkit's command line.
struct PluginParameters: Sendable {
  /// The log stores a disk's number in one byte.
  private static let maximumDisks = 255

  /// In the order of the map.
  private(set) var files: [FilePath] = []
  private(set) var format: DiskFormat?
  /// What to ignore when the disks are opened.
  private(set) var options = OpenOptions()
  private(set) var logger = LoggerParameters()
  private var seen = OnceOnly(but: ["file", "overlay"])

  mutating func set(key: String, value: ParameterValue) throws {
    switch key {
    case "file":
      guard files.count < Self.maximumDisks else {
        throw PluginError(errno: .invalid, "more than \(Self.maximumDisks) disks")
      }
      files.append(try value.absolutePath())
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
      guard try logger.set(key: key, value: value) else {
        throw PluginError(
          errno: .invalid,
          "unknown parameter \(key): there are file, bmap, format, logfile, logformat, offsets, filter, only, overlay, "
            + "allow-external, ignore-cid and ignore-journal"
        )
      }
    }
    try seen.insert(key)
  }
}
