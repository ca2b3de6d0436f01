import Answers
import ArgumentParser
import BlockMap

/// `virt-bmap summary MAP`: shows what the bytes of a guest's disks are used for.
struct SummaryCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "virt-bmap summary",
    abstract: "Show what the bytes of a disk are used for.",
    discussion: """
      For each disk and each device, the output shows how many bytes are used for files, directories, metadata and so \
      on, how many are free, and how many the map does not account for. A byte counts once: a byte of a file that is \
      also inside metadata counts as the file's.

      Exit status: 0, 1 on errors, 3 if a disk was mapped and something could not be examined.
      """)

  @Argument(help: "The map, or a disk, which is then mapped first.", completion: .file())
  var map: String

  @Flag(help: "List the ranges that the map does not account for: disk, start, end and device.")
  var unaccounted = false

  @Flag(help: "Print JSON: one object, or with --unaccounted one for each range.")
  var json = false

  @OptionGroup var deviceOptions: DeviceOptions

  @OptionGroup var mapOptions: MapOptions

  func run() async throws {
    let loaded = try await mapOptions.map(map)
    let devices = try deviceOptions.devices(of: [loaded.map], named: map)
    var output = StandardOutput(isText: !json)
    if unaccounted {
      try list(loaded.map, devices: devices, to: &output)
    } else {
      let summary = MapSummary(loaded.map).narrowed(disk: deviceOptions.disk, devices: devices)
      try output.append(json ? try JSONLine.of(SummaryDocument(summary)) : Array(summary.text.utf8))
    }
    try output.flush()
    try loaded.checkIsWhole()
  }

  private func list(_ map: BlockMap, devices: Set<[UInt8]>?, to output: inout StandardOutput) throws {
    let names = devices.map { Set($0.map { Escaping.text($0, as: .device) }) }
    try MapIndex(map).forEachUnaccounted { range in
      guard deviceOptions.disk.map({ $0 == range.disk }) ?? true, names.map({ $0.contains(range.device) }) ?? true
      else { return }
      if json { return try output.append(try JSONLine.of(range)) }
      let (start, end) = (String(range.start, radix: 16), String(range.end, radix: 16))
      let device = range.device.isEmpty ? "" : " \(range.device)"
      try output.append("\(range.disk) \(start) \(end)\(device)\n".utf8)
    }
  }
}
