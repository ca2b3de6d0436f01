import AccessLog
import BlockMap

/// Reads a line of the JSON log. Fields can come in any order, and those that are not known are skipped.
struct JSONLogParser {
  private static let operations = Operation.allCases

  /// - Returns: whether the line has a request. Otherwise it says how many were lost, or is empty.
  func parse(
    _ line: UnsafeRawBufferPointer, into request: inout LoggedRequest, _ names: inout LogNames, lost: inout UInt64
  ) throws(LineProblem) -> Bool {
    var cursor = JSONCursor(line)
    guard !cursor.isAtEnd() else { return false }
    try cursor.expect(0x7b)
    var operation: Operation?
    var isLoss = false
    var extent = Extent()
    var isFirst = true
    while let key = try cursor.key(isFirst: isFirst) {
      isFirst = false
      if key == "time" {
        request.time = try cursor.number(decimals: 9)
      } else if key == "op" {
        operation = try Self.operation(&cursor)
      } else if key == "disk" {
        request.disk = try Self.disk(&cursor)
      } else if key == "connection" {
        request.connection = UInt32(clamping: try cursor.number())
      } else if key == "result" {
        request.error = try Self.error(&cursor)
      } else if key == "latency" {
        request.latency = try cursor.number(decimals: 3)
      } else if key == "pieces" {
        try Self.pieces(&cursor, into: &request, &names)
      } else if key == "lost" {
        isLoss = true
        lost = lost &+ (try cursor.number())
      } else if try !extent.take(key, &cursor) {
        try cursor.skipValue()
      }
    }
    guard cursor.isAtEnd() else { throw LineProblem("something follows the object") }
    guard !isLoss else { return false }
    guard let operation else { throw LineProblem("not a request of the JSON log: it has no \"op\"") }
    request.operation = operation
    request.range = try extent.range()
    return true
  }

  /// The fields `offset` and `length`.
  private struct Extent {
    private var offset: UInt64?
    private var length: UInt64?

    /// Reads the value if the key is one of the two.
    mutating func take(_ key: JSONCursor.RawString, _ cursor: inout JSONCursor) throws(LineProblem) -> Bool {
      if key == "offset" {
        offset = try cursor.number()
      } else if key == "length" {
        length = try cursor.number()
      } else {
        return false
      }
      return true
    }

    func range() throws(LineProblem) -> Range<UInt64> {
      guard let offset, let length else { throw LineProblem("a range has no \"offset\" or no \"length\"") }
      let (end, overflow) = offset.addingReportingOverflow(length)
      guard !overflow else { throw LineProblem("a range ends beyond 2^64") }
      return offset..<end
    }
  }

  private static func operation(_ cursor: inout JSONCursor) throws(LineProblem) -> Operation {
    let word = try cursor.string()
    for operation in operations where word.bytes.elementsEqual(operation.word.utf8) { return operation }
    throw LineProblem("unknown operation")
  }

  private static func disk(_ cursor: inout JSONCursor) throws(LineProblem) -> Int {
    let number = try cursor.number()
    guard (1...UInt64(FormatLimits.disks)).contains(number) else {
      throw LineProblem("a disk's number is not from 1 to \(FormatLimits.disks)")
    }
    return Int(number)
  }

  private static func error(_ cursor: inout JSONCursor) throws(LineProblem) -> String? {
    let word = try cursor.string()
    return word == "ok" ? nil : String(decoding: word.bytes.prefix(32), as: UTF8.self)
  }

  private static func pieces(
    _ cursor: inout JSONCursor, into request: inout LoggedRequest, _ names: inout LogNames
  ) throws(LineProblem) {
    try cursor.expect(0x5b)
    var isFirst = true
    while try cursor.element(isFirst: isFirst) {
      isFirst = false
      try piece(&cursor, into: &request, &names)
    }
  }

  private static func piece(
    _ cursor: inout JSONCursor, into request: inout LoggedRequest, _ names: inout LogNames
  ) throws(LineProblem) {
    try cursor.expect(0x7b)
    var extent = Extent()
    var (isStale, isRest, isFirst) = (false, false, true)
    while let key = try cursor.key(isFirst: isFirst) {
      isFirst = false
      if key == "objects" {
        try objects(&cursor, into: &request, &names)
      } else if key == "stale" {
        isStale = try cursor.bool()
      } else if key == "rest" {
        isRest = try cursor.bool()
      } else if try !extent.take(key, &cursor) {
        try cursor.skipValue()
      }
    }
    request.addPiece(try extent.range(), isStale: isStale, isRest: isRest, in: names.objects)
  }

  private static func objects(
    _ cursor: inout JSONCursor, into request: inout LoggedRequest, _ names: inout LogNames
  ) throws(LineProblem) {
    try cursor.expect(0x5b)
    var isFirst = true
    while try cursor.element(isFirst: isFirst) {
      isFirst = false
      request.add(try object(&cursor, &names))
    }
  }

  private static func object(
    _ cursor: inout JSONCursor, _ names: inout LogNames
  ) throws(LineProblem) -> LoggedRequest.Owner {
    try cursor.expect(0x7b)
    var kind: ObjectKind?
    var device: JSONCursor.RawString?
    var path: JSONCursor.RawString?
    var offset: UInt64?
    var isFirst = true
    while let key = try cursor.key(isFirst: isFirst) {
      isFirst = false
      if key == "kind" {
        let letter = try cursor.string().bytes
        kind = letter.count == 1 ? letter.first.flatMap(ObjectKind.init(rawValue:)) : nil
      } else if key == "device" {
        device = try cursor.string()
      } else if key == "path" {
        path = try cursor.string()
      } else if key == "offset" {
        offset = try cursor.number()
      } else {
        try cursor.skipValue()
      }
    }
    guard let kind, let device else { throw LineProblem("an object has no \"kind\" of one letter or no \"device\"") }
    return LoggedRequest.Owner(object: try intern(kind, device, path, &names), offset: offset)
  }

  private static func intern(
    _ kind: ObjectKind, _ device: JSONCursor.RawString, _ path: JSONCursor.RawString?, _ names: inout LogNames
  ) throws(LineProblem) -> ObjectID {
    // Nearly all names are as they are.
    if !device.isEscaped, path.map({ !$0.isEscaped }) ?? true {
      return try names.intern(kind, device: device.bytes, path: path?.bytes)
    }
    let plainPath = try path.map { path throws(LineProblem) in try JSONNames.decode(path) }
    return try names.intern(kind, device: try JSONNames.decode(device), path: plainPath)
  }
}
