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
  private(set) var logFile: FilePath?
  private var seen: Set<String> = []

  mutating func set(key: String, value: ParameterValue) throws {
    switch key {
    case "file": file = FilePath(try value.absolutePath())
    case "bmap": map = value.text == "none" ? .none : .file(FilePath(try value.absolutePath()))
    case "logfile": logFile = FilePath(try value.absolutePath())
    case "format":
      guard let format = DiskFormat(rawValue: value.text) else {
        let formats = DiskFormat.allCases.map(\.rawValue).joined(separator: " or ")
        throw PluginError(errno: .invalid, "format=\(value.text): give \(formats)")
      }
      self.format = format
    default:
      throw PluginError(errno: .invalid, "unknown parameter \(key): there are file, bmap, format and logfile")
    }
    guard seen.insert(key).inserted else { throw PluginError(errno: .invalid, "\(key)= is given twice") }
  }
}

extension FilePath {
  /// The file name of these bytes, up to the first NUL.
  fileprivate init(_ bytes: [UInt8]) {
    self = (bytes + [0]).withUnsafeBufferPointer { buffer in
      buffer.withMemoryRebound(to: CChar.self) { text in
        text.baseAddress.map { FilePath(platformString: $0) } ?? FilePath()
      }
    }
  }
}
