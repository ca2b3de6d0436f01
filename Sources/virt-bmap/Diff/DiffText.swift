import Answers
import BlockMap

/// The differences as lines for people: change, kind, bytes before, bytes after, device and path, in columns.
struct DiffText {
  private let difference: Difference
  private var digits = 1
  private var deviceWidth = 1

  /// A longer name of a device is not aligned, so that one of them does not widen every line.
  private static let widestDevice = 32

  init(_ difference: Difference, _ entries: [Difference.Entry]) {
    self.difference = difference
    for entry in entries {
      for bytes in [difference.oldBytes(of: entry), difference.newBytes(of: entry)] {
        digits = max(digits, String(bytes ?? 0).utf8.count)
      }
      let width = Escaping.text(difference.name(of: entry).device, as: .device).count
      if width <= Self.widestDevice { deviceWidth = max(deviceWidth, width) }
    }
  }

  func append(_ entry: Difference.Entry, to text: inout [UInt8]) {
    let name = difference.name(of: entry)
    let word =
      switch entry.change {
      case .appeared: "+"
      case .vanished: "-"
      default: String(describing: entry.change)
      }
    append(word, width: 8, to: &text)
    text.append(contentsOf: [name.kind.rawValue, 0x20])
    for bytes in [difference.oldBytes(of: entry), difference.newBytes(of: entry)] {
      let number = bytes.map { String($0) } ?? "-"
      text.append(contentsOf: String(repeating: " ", count: max(0, digits - number.utf8.count)).utf8)
      append(number, width: 0, to: &text)
      text.append(0x20)
    }
    let old = difference.otherName(of: entry)
    let device = Escaping.text(name.device, as: .device)
    guard name.path != nil || old != nil else { return text.append(contentsOf: "\(device)\n".utf8) }
    append(device, width: deviceWidth + 1, to: &text)
    if text.last != 0x20 { text.append(0x20) }
    if let old {
      if old.device != name.device { text.append(contentsOf: "\(Escaping.text(old.device, as: .device)) ".utf8) }
      append(path: old.path, to: &text)
      text.append(contentsOf: " -> ".utf8)
    }
    append(path: name.path, to: &text)
    text.append(0x0a)
  }

  private func append(_ word: String, width: Int, to text: inout [UInt8]) {
    text.append(contentsOf: word.utf8)
    text.append(contentsOf: String(repeating: " ", count: max(0, width - word.count)).utf8)
  }

  private func append(path: [UInt8]?, to text: inout [UInt8]) {
    text.append(contentsOf: path.map { Escaping.text($0, as: .path) }?.utf8 ?? "".utf8)
  }
}

extension Difference {
  /// The name that an entry is known by: the new one, if there is one.
  func name(of entry: Entry) -> MappedObject {
    if let id = entry.new { return new.objects[id] }
    return old.objects[entry.old ?? ObjectID(rawValue: 0)]
  }

  /// The other name of an object that was renamed or linked.
  func otherName(of entry: Entry) -> MappedObject? {
    guard entry.change == .renamed || entry.change == .linked, let id = entry.old else { return nil }
    return old.objects[id]
  }

  /// The bytes on the disks before, every copy counted; nil if there was no object of this name, nor one that was
  /// renamed.
  func oldBytes(of entry: Entry) -> UInt64? { entry.change == .linked ? nil : entry.old.map { bytes(ofOld: $0) } }

  func newBytes(of entry: Entry) -> UInt64? { entry.new.map { bytes(ofNew: $0) } }
}
