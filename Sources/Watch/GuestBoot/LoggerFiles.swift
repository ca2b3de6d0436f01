import Appliance
import Glibc
import SystemPackage

/// The logger's plugin and filter for nbdkit.
package struct LoggerFiles: Sendable {
  /// What to name to nbdkit: a path, or nbdkit's own name if it is in nbdkit's directory.
  let plugin: [UInt8]
  let filter: [UInt8]

  /// Looks for the files, starting from the location of the running program: installed below the same prefix, or in a
  /// build directory. Otherwise nbdkit looks for them.
  package init() {
    let directory = Self.programDirectory
    plugin = Self.find(
      [
        directory.appending("../lib/nbdkit/plugins/nbdkit-bmaplogger-plugin.so"),
        directory.appending("libnbdkit-bmaplogger-plugin.so"),
      ])
    filter = Self.find(
      [
        directory.appending("../lib/nbdkit/filters/nbdkit-bmaplogger-filter.so"),
        directory.appending("libnbdkit-bmaplogger-filter.so"),
      ])
  }

  private static func find(_ candidates: [FilePath]) -> [UInt8] {
    let found = candidates.map { $0.lexicallyNormalized() }.first { path in
      path.withPlatformString { access($0, R_OK) == 0 }
    }
    return found?.bytes ?? Array("bmaplogger".utf8)
  }

  private static var programDirectory: FilePath {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = readlink("/proc/self/exe", &buffer, buffer.count)
    return FilePath(bytes: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }).removingLastComponent()
  }
}
