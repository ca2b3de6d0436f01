import BlockMap
import FoundationEssentials

/// What a map says to one question.
struct Answer {
  /// A range and an object it belongs to.
  struct Entry {
    var disk: Int
    var range: Range<UInt64>
    /// Where in the object the range begins, in bytes.
    var offset: UInt64
    var object: MappedObject
  }

  enum Asked {
    case range(Int, Range<UInt64>)
    case object([UInt8])
  }

  var entries: [Entry]
  var asked: Asked
  /// False for maps of 2014, which do not say where in an object a range begins.
  var hasOffsets: Bool

  var isEmpty: Bool { entries.isEmpty }

  /// Lines in the map's own form.
  var text: [UInt8] {
    var bytes: [UInt8] = []
    for entry in entries {
      let offset = entry.offset == 0 || !hasOffsets ? "" : "@\(String(entry.offset, radix: 16))"
      let kind = String(Unicode.Scalar(entry.object.kind.rawValue))
      bytes += "\(entry.disk) \(hex(entry.range.lowerBound)) \(hex(entry.range.upperBound)) \(kind)\(offset) ".utf8
      Escaping.append(entry.object.device, as: .device, to: &bytes)
      if let path = entry.object.path {
        bytes.append(0x20)
        Escaping.append(path, as: .path, to: &bytes)
      }
      bytes.append(0x0a)
    }
    return bytes
  }

  private func hex(_ number: UInt64) -> String { String(number, radix: 16) }

  /// One line: what was asked, and an array of the objects found.
  var json: [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let document = Document(
      disk: asked.disk, start: asked.range?.lowerBound, end: asked.range?.upperBound, name: asked.name,
      objects: entries.map { entry in
        Document.Object(
          disk: entry.disk, start: entry.range.lowerBound, end: entry.range.upperBound,
          kind: String(Unicode.Scalar(entry.object.kind.rawValue)),
          device: Escaping.text(entry.object.device, as: .device),
          path: entry.object.path.map { Escaping.text($0, as: .path) }, offset: hasOffsets ? entry.offset : nil)
      })
    return (try? encoder.encode(document)).map { Array($0) + [0x0a] } ?? []
  }

  /// The form of the JSON, part of the program's contract: numbers are decimal bytes.
  private struct Document: Encodable {
    struct Object: Encodable {
      var disk: Int
      var start: UInt64
      var end: UInt64
      var kind: String
      var device: String
      var path: String?
      var offset: UInt64?
    }

    var disk: Int?
    var start: UInt64?
    var end: UInt64?
    var name: String?
    var objects: [Object]
  }
}

extension Answer.Asked {
  fileprivate var disk: Int? {
    guard case .range(let disk, _) = self else { return nil }
    return disk
  }

  fileprivate var range: Range<UInt64>? {
    guard case .range(_, let range) = self else { return nil }
    return range
  }

  fileprivate var name: String? {
    guard case .object(let name) = self else { return nil }
    return Escaping.text(name, as: .path)
  }
}
