import FoundationEssentials
import Subprocess
import SystemPackage
import Testing

struct ToolFailure: Error, CustomStringConvertible {
  let description: String
}

/// Runs a program and waits for it to exit.
/// - Returns: its standard output.
@discardableResult
func run(tool: String, _ arguments: [String]) async throws -> String {
  let result = try await Subprocess.run(
    .name(tool), arguments: Arguments(arguments), output: .string(limit: 64 << 20), error: .string(limit: 1 << 20))
  guard result.terminationStatus.isSuccess else {
    throw ToolFailure(description: "\(tool) \(arguments): \(result.standardError)")
  }
  return result.standardOutput
}

/// The four kinds of VMDK.
enum Kind: String, CaseIterable, CustomTestStringConvertible {
  case monolithicSparse, monolithicFlat, twoGbMaxExtentSparse, twoGbMaxExtentFlat

  var isSparse: Bool { self == .monolithicSparse || self == .twoGbMaxExtentSparse }
  var testDescription: String { rawValue }
}

/// The independent reader and writer of VMDKs.
enum QemuImg {
  static func convert(_ raw: RawImage, to kind: String, at path: FilePath) async throws {
    try await run(
      tool: "qemu-img",
      ["convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=\(kind)", raw.path.string, path.string])
  }

  static func convertBack(_ vmdk: FilePath, to raw: FilePath) async throws {
    try await run(tool: "qemu-img", ["convert", "-f", "vmdk", "-O", "raw", vmdk.string, raw.string])
  }

  /// A range as `qemu-img map` reports it.
  struct MapEntry: Decodable {
    let start: UInt64
    let length: UInt64
    let present: Bool
    let zero: Bool
  }

  static func map(_ path: FilePath, format: String = "vmdk") async throws -> [MapEntry] {
    let json = try await run(tool: "qemu-img", ["map", "-f", format, "--output=json", path.string])
    return try JSONDecoder().decode([MapEntry].self, from: Data(json.utf8))
  }
}
