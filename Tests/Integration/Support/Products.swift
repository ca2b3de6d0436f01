import Glibc
import SystemPackage

/// The products under test, which `make build` makes.
enum Products {
  /// The directory of the package.
  static let package = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
    .removingLastComponent()

  /// `BMAP_BUILD`, or the package's release build.
  static let directory =
    getenv("BMAP_BUILD").map { FilePath(platformString: $0) } ?? package.appending(".build/release")

  static var mapper: FilePath { get throws { try product("virt-bmap") } }
  static var logger: FilePath { get throws { try product("libnbdkit-bmaplogger-plugin.so") } }
  static var loggerFilter: FilePath { get throws { try product("libnbdkit-bmaplogger-filter.so") } }
  static var recorder: FilePath { get throws { try product("libnbdkit-bmaprecorder-plugin.so") } }
  static var walker: FilePath { get throws { try product("virt-bmap-walker") } }

  private static func product(_ name: String) throws -> FilePath {
    let path = directory.appending(name)
    guard access(path.string, R_OK) == 0 else {
      throw TestFailure("\(path): not found. Run 'make build', or set BMAP_BUILD to the directory of the release build")
    }
    return path
  }
}
