import SystemPackage
import Testing

/// A boot of the demo guest with `virt-bmap boot`, until it powers off.
struct DemoBoot: Sendable {
  /// The VMDK, and the map of the disk in it.
  var mapped: MappedGuest
  /// The reads.
  var parts: [LogText.Part]
  var log: LogText
  /// The log, as text.
  var file: FilePath
  var scratch: Scratch
  /// The directory for temporary files of the logger.
  var temporary: FilePath

  private static let boots = Dictionary(
    uniqueKeysWithValues: OverlayKind.allCases.map { kind in (kind, Shared { try await boot(kind) }) })

  /// Each kind of overlay boots once.
  static func of(_ kind: OverlayKind) async throws -> DemoBoot { try await #require(boots[kind]).value }

  private static func boot(_ kind: OverlayKind) async throws -> DemoBoot {
    var mapped = try await Maps.demo.value
    mapped.disk = try await Guests.demo.value.appending("guest.vmdk")
    let scratch = try Scratch(shared: "boots-demo-\(kind)")
    let temporary = try scratch.makeDirectory("t")
    let before = try await tool("sha256sum", [mapped.disk]).output
    var arguments: [any Word] = ["--log-format", "text"]
    if let overlay = kind.file(in: scratch) { arguments += ["--keep", overlay] as [any Word] }
    try await powerOn(mapped.disk, mapped.file, log: scratch("log"), arguments, temporary: temporary)
    #expect(try await tool("sha256sum", [mapped.disk]).output == before, "the disk was written to")
    let log = try LogText(contentsOf: scratch("log"))
    return DemoBoot(
      mapped: mapped, parts: log.parts.filter { $0.operation == "read" }, log: log, file: scratch("log"),
      scratch: scratch, temporary: temporary)
  }

  /// Boots a version of the guest once.
  static func powerOn(
    _ disk: FilePath, _ map: FilePath, log: FilePath, _ arguments: [any Word] = [], temporary: FilePath? = nil
  ) async throws {
    let common: [any Word] = [
      "boot", disk, "--map", map, "--log", log, "--accel", "tcg", "--console", "-", "--timeout", "300",
    ]
    let outcome = try await Slots.virtualMachines.run {
      try await run(
        try Products.mapper.string, common + arguments, environment: temporary.map { ["TMPDIR": $0.string] } ?? [:],
        limit: .seconds(400))
    }
    guard outcome.end == .exited(0) else { throw TestFailure("\(outcome.end): \(outcome.errors.text)") }
    guard outcome.output.text.contains("virt-bmap demo guest: read ") else {
      throw TestFailure("the guest did not read its files: \(outcome.output.text.suffix(1000))")
    }
  }
}
