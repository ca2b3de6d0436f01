import CNBDKit
import Glibc
import SystemPackage

/// The value of a `key=value` parameter: bytes, since most of them are file names.
public struct ParameterValue: Sendable {
  /// Without the terminating NUL.
  public let bytes: [UInt8]

  init(_ value: UnsafePointer<CChar>) {
    bytes = Array(UnsafeRawBufferPointer(start: value, count: strlen(value)))
  }

  /// For messages and for values that are words.
  public var text: String { String(decoding: bytes, as: UTF8.self) }

  /// The value as one of the words that nbdkit takes for yes and no, such as `true`, `on` and `0`.
  /// - Parameter key: the parameter's, for the message: nbdkit's own, which comes before it, does not name it.
  public func boolean(of key: String) throws -> Bool {
    let value = (bytes + [0]).withUnsafeBufferPointer { word in
      word.withMemoryRebound(to: CChar.self) { nbdkit_parse_bool($0.baseAddress) }
    }
    guard value >= 0 else { throw PluginError(errno: .invalid, "\(key)=\(text): give true or false") }
    return value == 1
  }

  /// The value as a file name that stays right when nbdkit changes its working directory.
  public func absolutePath() throws -> FilePath {
    let absolute = (bytes + [0]).withUnsafeBufferPointer { path in
      path.withMemoryRebound(to: CChar.self) { $0.baseAddress.flatMap { nbdkit_absolute_path($0) } }
    }
    guard let absolute else { throw PluginError(errno: .invalid, "\(text): not a usable file name") }
    defer { free(absolute) }
    return FilePath(platformString: absolute)
  }
}
