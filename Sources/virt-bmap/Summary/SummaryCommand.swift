import AccessLog
import ArgumentParser
import BlockMap
import FoundationEssentials
import SystemPackage

/// `virt-bmap summary MAP`: shows what the bytes of a guest's disks are used for.
struct SummaryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "virt-bmap summary",
    abstract: "Show what the bytes of a disk are used for.",
    discussion: """
      For each disk and each device, the output shows how many bytes are used for files, directories, metadata and so \
      on, how many are free, and how many the map does not account for. A byte counts once: a byte of a file that is \
      also inside metadata counts as the file's.

      Exit status: 0, or 1 on errors.
      """)

  @Argument(help: "The map.", completion: .file())
  var map: String

  @Flag(help: "List the ranges that the map does not account for: disk, start, end and device.")
  var unaccounted = false

  @Flag(help: "Print JSON: one object, or with --unaccounted one for each range.")
  var json = false

  func run() throws {
    let loaded = try BlockMap(contentsOf: filePath(map))
    if unaccounted { return try list(loaded) }
    let summary = MapSummary(loaded)
    try write(json ? try Self.json(SummaryDocument(summary)) : Array(summary.text.utf8))
  }

  /// Output is written in blocks of about this many bytes.
  private static let blockBytes = 1 << 16

  private func list(_ map: BlockMap) throws {
    var buffer: [UInt8] = []
    try MapIndex(map).forEachUnaccounted { range in
      if json {
        buffer += try Self.json(range)
      } else {
        let (start, end) = (String(range.start, radix: 16), String(range.end, radix: 16))
        let device = range.device.isEmpty ? "" : " \(range.device)"
        buffer += "\(range.disk) \(start) \(end)\(device)\n".utf8
      }
      guard buffer.count >= Self.blockBytes else { return }
      try write(buffer)
      buffer.removeAll(keepingCapacity: true)
    }
    try write(buffer)
  }

  private static func json(_ value: some Encodable) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return JSONText.printable(try encoder.encode(value)) + [0x0a]
  }

  private func write(_ answer: [UInt8]) throws {
    do {
      _ = try FileDescriptor.standardOutput.writeAll(json ? answer : Messages.printable(answer: answer))
    } catch {
      throw SummaryError("standard output: \(error)")
    }
  }
}

/// Why the summary cannot be shown.
struct SummaryError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
