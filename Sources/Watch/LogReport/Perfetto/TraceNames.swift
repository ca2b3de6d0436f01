import BlockMap
import Bytes

/// Texts of a trace that are written once, and then only by their numbers.
struct TraceNames {
  /// The names of debug annotations. Their numbers are their places here, from 1.
  static let annotations = ["offset", "length", "kind", "device", "path", "operation", "result", "more objects"]

  private var isKnown: [Bool] = []
  private var strings: [[UInt8]: UInt64] = [:]
  /// A hostile log can name any number of devices.
  private static let maximumStrings = 65_536

  static func number(of annotation: String) -> UInt64 {
    UInt64(annotations.firstIndex(of: annotation) ?? 0) + 1
  }

  /// The number of what no object covers.
  static let noObject: UInt64 = 1

  /// The number of an object's name among the names of events, and of its path among strings.
  static func number(of object: ObjectID?) -> UInt64 { object.map { UInt64($0.rawValue) + 2 } ?? noObject }

  /// The number of a string that is not a path. Paths have the numbers up to 2^32 and a few.
  mutating func number(of text: [UInt8], interned: inout ProtobufMessage) -> UInt64? {
    if let known = strings[text] { return known }
    guard strings.count < Self.maximumStrings else { return nil }
    let number = UInt64(1) << 33 + UInt64(strings.count)
    strings[text] = number
    Self.add(TraceFields.Interned.annotationStrings, number, text, to: &interned)
    return number
  }

  /// Adds what has to be written before the name of this object is used.
  mutating func introduce(_ object: ObjectID, _ table: borrowing ObjectTable, interned: inout ProtobufMessage) {
    let index = Int(object.rawValue)
    if index >= isKnown.count { isKnown += Array(repeating: false, count: index + 1 - isKnown.count) }
    guard !isKnown[index] else { return }
    isKnown[index] = true
    let device = ExportedName.text(table.device(of: object), as: .device)
    let path = table.withPath(of: object) { path in path.map { ExportedName.text(Array($0), as: .path) } }
    Self.add(TraceFields.Interned.eventNames, Self.number(of: object), path ?? device, to: &interned)
    if let path { Self.add(TraceFields.Interned.annotationStrings, Self.number(of: object), path, to: &interned) }
  }

  /// What has to be written first of all.
  static func introduceAll(to interned: inout ProtobufMessage) {
    add(TraceFields.Interned.eventNames, noObject, Array("no object".utf8), to: &interned)
    for name in annotations {
      add(TraceFields.Interned.annotationNames, number(of: name), Array(name.utf8), to: &interned)
    }
  }

  private static func add(_ field: UInt32, _ number: UInt64, _ text: [UInt8], to interned: inout ProtobufMessage) {
    interned.add(field) { entry in
      entry.add(TraceFields.Interned.id, number)
      entry.add(TraceFields.Interned.text, text)
    }
  }
}
