import BlockMap
import FoundationEssentials
import Glibc
import RangeLists
import Subprocess
public import SystemPackage

/// An image whose backing file holds what it does not store itself, as qemu-img(1) describes it.
public struct QemuSnapshot: Sendable {
  /// The backing file.
  public let parent: DiskSource
  /// The ranges of the disk that the image stores or declares to be zero, in bytes and in order.
  public let ownRanges: [Range<UInt64>]

  /// The most bytes that `qemu-img info` may print.
  private static let outputLimit = 1 << 20

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
    let information = try await Self.information(about: file, format)
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
    ownRanges = try await Self.ownRanges(of: file, format)
  }

  /// The ranges that `qemu-img map` says are in the image itself. There can be millions, so its output is read while it
  /// is written.
  private static func ownRanges(of file: FilePath, _ format: ImageFormat) async throws -> [Range<UInt64>] {
    let pipe = try privatePipe()
    async let list = onOwnThread { () -> Result<[Range<UInt64>], ListError> in
      defer { try? pipe.reading.close() }
      do throws(ListError) {
        return .success(try RangeListReader(ListOptions(format: "qemu-img")).read(pipe.reading).ranges)
      } catch {
        return .failure(error)
      }
    }
    let output = FileDescriptorOutput.fileDescriptor(pipe.writing, closeAfterSpawningProcess: true)
    _ = try await ask("map", file, format, output: output)
    switch try await list {
    case .success(let ranges): return ranges
    case .failure(let error):
      throw MapperError.source(file.bytes, "qemu-img map gave an answer that cannot be read: \(error)")
    }
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

  private static func information(about file: FilePath, _ format: ImageFormat) async throws -> Information {
    let text = try await ask("info", file, format, output: .bytes(limit: outputLimit))
    do {
      return try JSONDecoder().decode(Information.self, from: Data(text))
    } catch {
      throw MapperError.source(file.bytes, "qemu-img info gave an answer that cannot be read: \(error)")
    }
  }

  /// Runs a command of qemu-img.
  /// - Returns: what it wrote, as `output` collects it.
  /// - Throws: `MapperError`, also if qemu-img fails.
  private static func ask<Output: OutputProtocol>(
    _ command: String, _ file: FilePath, _ format: ImageFormat, output: Output
  ) async throws -> Output.OutputType {
    let arguments = [command, "--output=json", "-f", format.rawValue].map { Array($0.utf8) + [0] }
    do {
      let outcome = try await Subprocess.run(
        .name("qemu-img"), arguments: Arguments(arguments + [file.bytes + [0]]), output: output,
        error: .bytes(limit: 1 << 16))
      guard outcome.terminationStatus.isSuccess else {
        let lines = String(decoding: outcome.standardError, as: UTF8.self).split(separator: "\n")
        throw MapperError.source(file.bytes, lines.last.map(String.init) ?? "qemu-img \(command) cannot read it")
      }
      return outcome.standardOutput
    } catch let error as SubprocessError where error.code == .executableNotFound {
      throw MapperError.missing("qemu-img: this program is not installed, and \(format.rawValue) needs it")
    }
  }
}
