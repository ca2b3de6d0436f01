import BlockMap
import FoundationEssentials
import Glibc
import Subprocess
public import SystemPackage

/// An image whose backing file holds what it does not store itself, as qemu-img(1) describes it.
public struct QemuSnapshot: Sendable {
  /// The backing file.
  public let parent: DiskSource
  /// The ranges of the disk that the image stores or declares to be zero, in bytes and in order.
  public let ownRanges: [Range<UInt64>]

  /// In bytes. The output has a line of about 100 bytes for each range.
  private static let outputLimit = 1 << 30

  /// Asks qemu-img about an image. This opens the backing file, too, so it needs `--allow-external`.
  /// - Throws: `MapperError`.
  public init(of path: FilePath, format: ImageFormat) async throws {
    let absolute = path.withPlatformString { realpath($0, nil) }
    defer { free(absolute) }
    guard let absolute else {
      throw MapperError.source(path.bytes, Errno(rawValue: errno).description)
    }
    // A path that begins with a slash is not taken for a protocol.
    let file = FilePath(platformString: absolute)
    let information: Information = try await Self.ask("info", file, format)
    guard let name = information.parent, !name.isEmpty else {
      throw MapperError.source(path.bytes, "it has no backing file: give two disks")
    }
    guard name.hasPrefix("/") else {
      throw MapperError.source(path.bytes, "its backing file \(name) is not a file on this host: give two disks")
    }
    let parentPath = FilePath(bytes: Array(name.utf8))
    let parentFormat = try information.parentFormat.map { name in
      guard let format = ImageFormat(rawValue: name) else {
        throw MapperError.source(path.bytes, "its backing file has the format \(name), which is not supported")
      }
      return format
    }
    parent = DiskSource(.file(parentPath), format: parentFormat)
    let parts: [Part] = try await Self.ask("map", file, format)
    var ranges: [Range<UInt64>] = []
    for part in parts where part.depth == 0 && part.present != false {
      let (end, overflow) = part.start.addingReportingOverflow(part.length)
      guard !overflow, part.length > 0, part.start >= ranges.last?.upperBound ?? 0 else { continue }
      ranges.append(part.start..<end)
    }
    ownRanges = ranges
  }

  /// The part of `qemu-img info --output=json` that matters here.
  private struct Information: Decodable, Sendable {
    var parent: String?
    var parentFormat: String?

    enum CodingKeys: String, CodingKey {
      case parent = "full-backing-filename"
      case parentFormat = "backing-filename-format"
    }
  }

  /// An element of `qemu-img map --output=json`.
  private struct Part: Decodable, Sendable {
    var start: UInt64
    var length: UInt64
    /// 0 for the image itself.
    var depth: Int
    /// Whether any image of the chain has the range.
    var present: Bool?
  }

  private static func ask<Answer: Decodable>(
    _ command: String, _ file: FilePath, _ format: ImageFormat
  ) async throws -> Answer {
    let arguments = [command, "--output=json", "-f", format.rawValue].map { Array($0.utf8) + [0] }
    do {
      let outcome = try await Subprocess.run(
        .name("qemu-img"), arguments: Arguments(arguments + [file.bytes + [0]]), output: .bytes(limit: outputLimit),
        error: .bytes(limit: 1 << 16))
      guard outcome.terminationStatus.isSuccess else {
        let lines = String(decoding: outcome.standardError, as: UTF8.self).split(separator: "\n")
        throw MapperError.source(file.bytes, lines.last.map(String.init) ?? "qemu-img cannot read it")
      }
      return try JSONDecoder().decode(Answer.self, from: Data(outcome.standardOutput))
    } catch let error as SubprocessError where error.code == .executableNotFound {
      throw MapperError.missing("qemu-img: this program is not installed, and \(format.rawValue) needs it")
    } catch let error as DecodingError {
      throw MapperError.source(file.bytes, "qemu-img \(command) gave an answer that cannot be read: \(error)")
    }
  }
}
