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
      let first = difference.otherName(of: entry) ?? difference.name(of: entry)
      let width = Escaping.text(first.device, as: .device).count
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
    if let old = difference.otherName(of: entry) {
      append(old, isAligned: true, to: &text)
      text.append(contentsOf: " -> ".utf8)
      if old.device != name.device {
        append(name, isAligned: false, to: &text)
      } else if let path = name.path {
        append(path: path, to: &text)
      }
    } else {
      append(name, isAligned: true, to: &text)
    }
    text.append(0x0a)
  }

  private func append(_ word: String, width: Int, to text: inout [UInt8]) {
    text.append(contentsOf: word.utf8)
    text.append(contentsOf: String(repeating: " ", count: max(0, width - word.count)).utf8)
  }

  /// Appends a device and, if there is one, a path.
  private func append(_ name: MappedObject, isAligned: Bool, to text: inout [UInt8]) {
    let hasPath = name.path != nil
    append(Escaping.text(name.device, as: .device), width: isAligned && hasPath ? deviceWidth : 0, to: &text)
    guard let path = name.path else { return }
    text.append(0x20)
    append(path: path, to: &text)
  }

  private func append(path: [UInt8], to text: inout [UInt8]) {
    text.append(contentsOf: Escaping.text(path, as: .path).utf8)
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
