import FoundationEssentials
import Subprocess
import SystemPackage

/// Independent readers of VMDKs.
enum Reader: String, CaseIterable { case qemu, libvmdk, dissect }

/// Runs `Tests/Oracles/read-vmdks.py`, which documents its input and output.
enum Oracles {
  private struct Job: Encodable {
    let size: UInt64
    let ranges: [[UInt64]]
    let expected: String
    let readers: [String: String]
    let convert: Bool
    let map: [[UInt64]]
  }

  struct Answer: Decodable {
    /// "same", or what differs or failed, by the reader's name.
    let readers: [String: String]
    let map: [QemuImg.MapEntry]
  }

  /// The root of the package.
  private static let root = (0..<4).reduce(FilePath(#filePath)) { path, _ in path.removingLastComponent() }

  /// Reads every image with each of its readers.
  static func read(_ images: [CorpusImage], _ expected: [ExpectedBytes]) async throws -> [Answer] {
    var jobs: [Job] = []
    for (image, expected) in zip(images, expected) {
      jobs.append(
        Job(
          size: image.content.size, ranges: image.ranges.map(pair), expected: expected.path.string,
          readers: Dictionary(uniqueKeysWithValues: image.readers.map { ($0.key.rawValue, $0.value.string) }),
          convert: image.isSmall, map: image.mapped.map(pair)))
    }
    let input = try JSONEncoder().encode(jobs)
    let result = try await Subprocess.run(
      .path(root.appending(".build/oracles/bin/python3")),
      arguments: [root.appending("Tests/Oracles/read-vmdks.py").string],
      input: .array([UInt8](input)), output: .string(limit: 64 << 20), error: .string(limit: 1 << 20))
    guard result.terminationStatus.isSuccess else {
      throw ToolFailure(description: "read-vmdks.py: \(result.standardError)")
    }
    return try JSONDecoder().decode([Answer].self, from: Data(result.standardOutput.utf8))
  }

  private static func pair(_ range: Range<UInt64>) -> [UInt64] { [range.lowerBound, UInt64(range.count)] }
}
