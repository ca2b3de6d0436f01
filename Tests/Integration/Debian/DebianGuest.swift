import SystemPackage
import Testing

/// A Debian root filesystem on every kind of storage that root filesystems are put on. This takes long, so it is part
/// of `make check-debian` and not of `make check`.
struct DebianGuest: Sendable {
  var disks: [FilePath]
  /// The map made with `--method auto`.
  var told: MapText
  var file: FilePath
  /// The map made with `--method read`.
  var read: MapText

  /// Opens the encrypted partition.
  static let key: [any Word] = ["--key", "/dev/sda17:key:debian"]
  static let limit = Duration.seconds(7200)

  static let shared = Shared {
    let directory = try await Guests.debian.value
    let disks = ["one.raw", "two.raw"].map { directory.appending($0) }
    let before = try await sums(of: disks)
    let file = try await map(disks, as: "debian", [])
    let other = try await map(disks, as: "debian-read", ["--method", "read"])
    #expect(try await sums(of: disks) == before, "a disk was written to")
    return DebianGuest(
      disks: disks, told: try MapText(contentsOf: file), file: file, read: try MapText(contentsOf: other))
  }

  private static func sums(of disks: [FilePath]) async throws -> [String] {
    try await tool("sha256sum", disks, limit: .seconds(600)).outputLines
  }

  private static func map(_ disks: [FilePath], as name: String, _ options: [String]) async throws -> FilePath {
    let run = try MapperRun()
    let file = Products.package.appending(".build/integration/\(name).bmap")
    let arguments: [any Word] = ["-v", "-o", file] + options
    let outcome = try await run(arguments + key + disks, limit: limit)
    // If files were not where their filesystem says, the filesystem would be read instead, with a warning.
    let warnings = outcome.errorLines.filter { $0.contains("warning") }
    guard outcome.end == .exited(0), warnings.isEmpty else {
      throw TestFailure("virt-bmap \(options): \(outcome.end): \(outcome.errors.text.suffix(2000))")
    }
    try await run.expectNothingLeft()
    return file
  }

  /// The name of the device whose filesystem holds the file /is-MARK.
  func device(_ mark: String) throws -> String {
    try #require(told.lines.first { $0.path == Array("/is-\(mark)".utf8) }, "\(mark)").device.text
  }
}

extension DebianGuest {
  /// A file with ranges.
  struct File {
    /// No byte of it is special to a tool's shell.
    var path: String
    var lines: [MapText.Line]
    /// Where its last range ends in the file, in bytes.
    var end: UInt64
  }

  /// Up to `count` of a filesystem's files, in the order of a hash of their paths.
  func files(on device: String, count: Int) -> [File] {
    let all = Dictionary(grouping: told.lines.filter { $0.kind == "f" && $0.device == Array(device.utf8) }, by: \.path)
    let isPlain = { (byte: UInt8) in byte > 0x20 && byte < 0x7f && !"\"'\\`$&<>;()*?[".utf8.contains(byte) }
    let hash = { (path: [UInt8]) in path.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 } }
    return all.filter { $0.key.allSatisfy(isPlain) }.sorted { hash($0.key) < hash($1.key) }.prefix(count).map {
      File(
        path: $0.key.text, lines: $0.value.sorted { $0.offset < $1.offset },
        end: $0.value.map { $0.offset + UInt64($0.range.count) }.max() ?? 0)
    }
  }
}
