import Glibc
import SystemPackage

/// The file name behind an argument. A name is bytes; the argument parser knows it only as text, in which bytes that
/// are not UTF-8 are lost, so the argument that reads like that is looked up as the kernel handed it over.
func filePath(_ argument: String) -> FilePath {
  for index in 0..<Int(CommandLine.argc) {
    guard let raw = CommandLine.unsafeArgv[index] else { continue }
    if String(cString: raw) == argument { return FilePath(platformString: raw) }
    // --option=NAME
    if let equals = strchr(raw, 0x3d), String(cString: equals + 1) == argument {
      return FilePath(platformString: equals + 1)
    }
  }
  return FilePath(argument)
}
