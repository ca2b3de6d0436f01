import CNBDKit
import Glibc
import SystemPackage

/// The value of a `key=value` parameter: bytes, because most values are file names.
public struct ParameterValue: Sendable {
  /// Without the terminating NUL.
  public let bytes: [UInt8]

  init(_ value: UnsafePointer<CChar>) {
    bytes = Array(UnsafeRawBufferPointer(start: value, count: strlen(value)))
  }

  /// For messages, and for values that are words.
  public var text: String { String(decoding: bytes, as: UTF8.self) }

  /// Parses the value as a boolean, in the words that nbdkit accepts; see "Parsing booleans" in nbdkit-plugin(3).
  /// nbdkit's own function prints an error that does not name the parameter.
  /// - Parameter key: the name of the parameter, for the message.
  public func boolean(of key: String) throws -> Bool {
    switch text.lowercased() {
    case "1", "true", "t", "yes", "y", "on": return true
    case "0", "false", "f", "no", "n", "off": return false
    default: throw PluginError(errno: .invalid, "\(key)=\(text): give true or false")
    }
  }

  /// The value as a file name that stays valid when nbdkit changes its working directory.
  public func absolutePath() throws -> FilePath {
    let absolute = withCString(bytes) { $0.flatMap { nbdkit_absolute_path($0) } }
    guard let absolute else { throw PluginError(errno: .invalid, "\(text): not a usable file name") }
    defer { free(absolute) }
    return FilePath(platformString: absolute)
  }
}
