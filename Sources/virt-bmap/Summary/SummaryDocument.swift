import Answers
import BlockMap
import FoundationEssentials

/// The summary as JSON, which is part of the program's interface. Sizes are in bytes.
struct SummaryDocument: Encodable {
  struct Disk: Encodable {
    var disk: Int
    var file: String
    var size: UInt64
    var bytes: [String: UInt64]
  }

  struct Device: Encodable {
    var device: String
    var type: String?
    var objects: Int
    var bytes: [String: UInt64]
  }

  struct File: Encodable {
    var device: String
    var path: String
    var bytes: UInt64
  }

  var disks: [Disk]
  var devices: [Device]
  var largest: [File]
  var size: UInt64
  var accounted: UInt64

  init(_ summary: MapSummary) {
    disks = summary.disks.map {
      Disk(
        disk: $0.number, file: Escaping.text($0.file, as: .path), size: $0.totals.size, bytes: Self.bytes($0.totals))
    }
    devices = summary.devices.map {
      Device(
        device: Escaping.text($0.name, as: .device), type: $0.type.isEmpty ? nil : Escaping.text($0.type, as: .device),
        objects: $0.objects, bytes: Self.bytes($0.totals))
    }
    largest = summary.largest.map {
      File(device: Escaping.text($0.device, as: .device), path: Escaping.text($0.path, as: .path), bytes: $0.bytes)
    }
    (size, accounted) = (summary.totals.size, summary.totals.accounted)
  }

  private static func bytes(_ totals: SpaceTotals) -> [String: UInt64] {
    Dictionary(uniqueKeysWithValues: SpaceUse.allCases.map { ($0.name, totals[$0]) })
  }
}
