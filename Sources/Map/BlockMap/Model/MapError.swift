import Glibc
import SystemPackage

/// Why a map could not be read or written. The description is one line for the user.
public enum MapError: Error, Sendable, CustomStringConvertible {
  /// The file as a whole cannot be opened, read or written, or is not a map.
  case file(FilePath, String)
  /// One line of a map is wrong; lines are counted from 1.
  case line(FilePath, Int, String)
  /// The map would have more bytes than the caller allows. Nothing was written.
  case tooLarge(UInt64)
  /// The caller asked to stop. Nothing was written.
  case cancelled

  public var description: String {
    switch self {
    case .file(let path, let reason): "\(shown(path)): \(reason)"
    case .line(let path, let line, let reason): "\(shown(path)): line \(line): \(reason)"
    case .tooLarge(let most): "the map would be larger than \(most) bytes: increase --max-map-size"
    case .cancelled: "cancelled"
    }
  }

  /// The error of a system call that failed on `path`. `doing` says what was tried, or is empty.
  static func system(_ path: FilePath, _ errno: Errno, doing: String = "") -> MapError {
    .file(path, doing.isEmpty ? errno.description : "\(doing): \(errno.description)")
  }

  private func shown(_ path: FilePath) -> String {
    path.withPlatformString { Escaping.text(UnsafeRawBufferPointer(start: $0, count: strlen($0)), as: .path) }
  }
}
