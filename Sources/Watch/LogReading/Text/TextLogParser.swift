import AccessLog
import BlockMap

/// Reads the lines of the text log. An object line applies to the lines with ranges below it.
struct TextLogParser {
  /// How many objects the logger lists at most for a range.
  private static let maximumObjects = MapIndex.ownersListed

  /// An object line.
  private(set) var operation = Operation.read
  private(set) var objects: [ObjectID] = []
  /// Whether the last line was an object line, so that another one names the same ranges.
  private var isHeading = false

  /// Whether a line can be the first one of a text log.
  static func isBeginning(_ line: UnsafeRawBufferPointer) -> Bool {
    line.first == UInt8(ascii: "#") || Operation.allCases.contains { line.starts(with: ($0.word + " ").utf8) }
  }

  /// Takes a line, and returns its ranges, which are to be read one after the other.
  mutating func parse(
    _ line: UnsafeRawBufferPointer, _ names: inout LogNames, lost: inout UInt64
  ) throws(LineProblem) -> Ranges {
    switch line.first {
    case nil: return Ranges()
    case UInt8(ascii: "#"):
      lost = lost &+ Self.loss(in: line)
      return Ranges()
    case 0x20:
      isHeading = false
      return Ranges(end: line.count)
    default:
      return try heading(line, &names)
    }
  }

  private mutating func heading(
    _ line: UnsafeRawBufferPointer, _ names: inout LogNames
  ) throws(LineProblem) -> Ranges {
    let fields = line.split(separator: 0x20, maxSplits: 3, omittingEmptySubsequences: false)
    guard let word = fields.first, let operation = Operation.allCases.first(where: { word.elementsEqual($0.word.utf8) })
    else { throw LineProblem("not a line of the text log") }
    if !isHeading || operation != self.operation { objects.removeAll(keepingCapacity: true) }
    self.operation = operation
    isHeading = true
    guard fields.count != 2 || !fields[1].elementsEqual("-".utf8) else {
      objects.removeAll(keepingCapacity: true)
      guard operation != .flush else {
        isHeading = false
        return Ranges(flush: true)
      }
      return Ranges()
    }
    guard fields.count >= 3, fields[1].count == 1, let kind = fields[1].first.flatMap(ObjectKind.init(rawValue:)),
      let device = Escaping.unescape(Array(fields[2]))
    else { throw LineProblem("not an object line of the text log") }
    var path: [UInt8]?
    if fields.count == 4 {
      guard let name = Escaping.unescape(Array(fields[3])) else {
        throw LineProblem("a name is not escaped as in a map")
      }
      path = name
    }
    guard objects.count < Self.maximumObjects else {
      throw LineProblem("more than \(Self.maximumObjects) object lines stand together")
    }
    objects.append(try names.intern(kind, device: device, path: path))
    return Ranges()
  }

  /// The number in a remark `# 5 requests were not logged: …`.
  private static func loss(in line: UnsafeRawBufferPointer) -> UInt64 {
    let words = line.dropFirst(2).split(separator: 0x20, maxSplits: 5)
    guard words.count >= 5, words[1...4].joined(separator: [0x20]).elementsEqual("requests were not logged:".utf8)
    else {
      return 0
    }
    return UInt64(String(decoding: words[0], as: UTF8.self)) ?? 0
  }
}
