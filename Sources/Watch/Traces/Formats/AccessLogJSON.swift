import AccessLog
import Bytes
import LogReading

/// The JSON log of the logger, or of `virt-bmap annotate`: its requests without their names. Each disk is a source.
struct AccessLogJSON: LineTraceFormat {
  static let name = "json"

  init(_ start: TraceStart) {}

  static func recognizes(_ start: TraceStart) -> Bool { start.firstLine.map(recognizes) ?? false }

  static func recognizes(_ line: TraceLine) -> Bool {
    line.byte == UInt8(ascii: "{") && (try? Fields(line)) != nil
  }

  mutating func read(_ line: TraceLine, into trace: inout TraceEvents) throws(TraceProblem) {
    var start = line
    start.skipBlanks()
    guard !start.isAtEnd else { return trace.skip() }
    let fields: Fields
    do { fields = try Fields(line) } catch { throw TraceProblem(error.reason) }
    if let lost = fields.lost { return trace.lose(lost) }
    guard let operation = fields.operation, let range = byteRange(fields.offset, length: fields.length) else {
      throw TraceProblem("no \"op\", \"offset\" and \"length\" of a request")
    }
    if let time = fields.time { trace.pass(time) }
    let source = try trace.sources.number(of: String(fields.disk))
    let event = AccessEvent(
      operation: operation, disk: 1, connection: fields.connection, range: range,
      time: fields.time.map { MonotonicTime(nanoseconds: $0) }, latency: fields.latency, errno: fields.errno)
    trace.add(event, source: source, line: trace.line)
  }

  /// The fields of a line.
  private struct Fields {
    var operation: Operation?
    var disk: UInt64 = 1
    var connection: UInt32 = 1
    var offset: UInt64?
    var length: UInt64?
    /// In nanoseconds, as the latency.
    var time: UInt64?
    var latency: UInt64?
    var errno: Int32?
    var lost: UInt64?

    init(_ line: TraceLine) throws(LineProblem) {
      var cursor = JSONCursor(line.rest)
      try cursor.expect(0x7b)
      var isFirst = true
      while let key = try cursor.key(isFirst: isFirst) {
        isFirst = false
        if key == "op" {
          let word = try cursor.string().bytes
          operation = Operation.allCases.first { word.elementsEqual($0.word.utf8) }
        } else if key == "disk" {
          disk = try cursor.number()
        } else if key == "connection" {
          connection = UInt32(clamping: try cursor.number())
        } else if key == "offset" {
          offset = try cursor.number()
        } else if key == "length" {
          length = try cursor.number()
        } else if key == "time" {
          time = try cursor.number(decimals: 9)
        } else if key == "latency" {
          latency = try cursor.number(decimals: 3)
        } else if key == "result" {
          let word = try cursor.string()
          errno = word == "ok" ? 0 : ErrnoName.errno(named: String(decoding: word.bytes.prefix(32), as: UTF8.self))
        } else if key == "lost" {
          lost = try cursor.number()
        } else {
          try cursor.skipValue()
        }
      }
      guard cursor.isAtEnd() else { throw LineProblem("something follows the object") }
    }
  }
}
