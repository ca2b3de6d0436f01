import Answers
import BlockMap
import Bytes

extension MapSummary {
  /// Lines `KEY: VALUE` for people and for grep.
  var text: String {
    var text = InformationText()
    for disk in disks {
      let file = disk.file.isEmpty ? nil : Escaping.text(disk.file, as: .path)
      text.add("disk \(disk.number)", file) { $0.add(disk.totals, withSize: true) }
    }
    for device in devices where device.totals.size > 0 {
      text.add("device \(Escaping.text(device.name, as: .device))") { text in
        if !device.type.isEmpty { text.add("type", Escaping.text(device.type, as: .device)) }
        text.add(device.totals, withSize: false)
        text.add("objects", String(device.objects))
      }
    }
    if !largest.isEmpty {
      text.add("largest files") { text in
        for file in largest {
          let (device, path) = (Escaping.text(file.device, as: .device), Escaping.text(file.path, as: .path))
          text.add("\(device):\(path)", bytes: file.bytes)
        }
      }
    }
    if !disks.isEmpty { text.add("summary", totals.summary) }
    return text.lines
  }
}

extension InformationText {
  fileprivate mutating func add(_ totals: SpaceTotals, withSize: Bool) {
    if withSize { add("size", bytes: totals.size) }
    for use in SpaceUse.allCases where totals[use] > 0 || use == .unaccounted {
      add(use.name, "\(readable(totals[use])), \(totals.percentage(of: totals[use], digits: 2))")
    }
  }
}
