import Glibc
import SystemPackage

/// The file name behind an argument.
func filePath(_ argument: String) -> FilePath {
  rawArgument(argument).map { FilePath(platformString: $0) } ?? FilePath(argument)
}

/// The bytes behind an argument.
func argumentBytes(_ argument: String) -> [UInt8] {
  rawArgument(argument).map { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) } ?? Array(argument.utf8)
}

/// A name is bytes; the argument parser knows it only as text, in which bytes that are not UTF-8 are lost, so the
/// argument that reads like that is looked up as the kernel handed it over.
private func rawArgument(_ argument: String) -> UnsafePointer<CChar>? {
  for index in 0..<Int(CommandLine.argc) {
    guard let raw = CommandLine.unsafeArgv[index] else { continue }
    if String(cString: raw) == argument { return UnsafePointer(raw) }
    // --option=NAME
    if let equals = strchr(raw, 0x3d), String(cString: equals + 1) == argument { return UnsafePointer(equals + 1) }
  }
  return nil
}
