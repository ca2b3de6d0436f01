import Glibc
import SystemPackage

/// Carries the program's arguments through the argument parser. The parser handles only text, but a file name is bytes:
/// a byte that is not part of valid UTF-8 is represented by an unused character and converted back afterwards.
enum ArgumentBytes {
  /// The last 256 characters of Unicode's last private-use plane, one for each byte.
  private static let first: UInt32 = 0x10_ff00

  /// The arguments after the program's name, for the parser.
  static func arguments() -> [String] {
    (1..<max(1, Int(CommandLine.argc))).compactMap { index in
      CommandLine.unsafeArgv[index].map { raw in
        encode(UnsafeRawBufferPointer(start: raw, count: strlen(raw)))
      }
    }
  }

  static func encode(_ bytes: UnsafeRawBufferPointer) -> String {
    var result = String.UnicodeScalarView()
    var rest = UnsafeRawBufferPointer(rebasing: bytes[...])
    while !rest.isEmpty {
      var decoder = UTF8()
      var iterator = rest.makeIterator()
      var width = 1
      if case .scalarValue(let scalar) = decoder.decode(&iterator), scalar.value < first {
        width = UTF8.width(scalar)
        result.append(scalar)
      } else if let carrier = Unicode.Scalar(first + UInt32(rest[0])) {
        result.append(carrier)
      }
      rest = UnsafeRawBufferPointer(rebasing: rest[width...])
    }
    return String(result)
  }

  /// The bytes of an argument from the parser.
  static func decode(_ argument: String) -> [UInt8] {
    argument.unicodeScalars.flatMap { scalar -> [UInt8] in
      scalar.value >= first ? [UInt8(truncatingIfNeeded: scalar.value)] : Array(UTF8.encode(scalar) ?? .init())
    }
  }
}

/// The file name in an argument.
func filePath(_ argument: String) -> FilePath { FilePath(bytes: ArgumentBytes.decode(argument)) }

/// The file that an argument of `-o` names; `-` is standard output.
func outputPath(_ argument: String) -> FilePath { argument == "-" ? "/dev/stdout" : filePath(argument) }
