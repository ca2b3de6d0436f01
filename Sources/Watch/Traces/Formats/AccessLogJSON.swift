import AccessLog
import Bytes

/// The JSON log of the logger, or of `virt-bmap annotate`: its requests without their names. Each disk is a source.
struct AccessLogJSON: LineTraceFormat {
  static let name = "json"

  init(_ start: TraceStart) {}

  static func recognizes(_ start: TraceStart) -> Bool { start.firstLine.map(recognizes) ?? false }

  static func recognizes(_ line: TraceLine) -> Bool { line.byte == UInt8(ascii: "{") && Fields(line) != nil }

  mutating func read(_ line: TraceLine, into trace: inout TraceEvents) throws(TraceProblem) {
    var start = line
    start.skipBlanks()
    guard !start.isAtEnd else { return trace.skip() }
    guard let fields = Fields(line) else { throw TraceProblem("not a line of the JSON log") }
    if let lost = fields.lost { return trace.lose(lost) }
    guard let operation = fields.operation, let disk = fields.disk,
      let range = byteRange(fields.offset, length: fields.length)
    else { throw TraceProblem("no \"op\", \"disk\", \"offset\" and \"length\" of a request") }
    if let time = fields.time { trace.pass(time) }
    let source = try trace.sources.number(of: disk)
    let event = AccessEvent(
      operation: operation, disk: 1, connection: UInt32(clamping: fields.connection ?? 1), range: range,
      time: fields.time.map { MonotonicTime(nanoseconds: $0) }, latency: fields.latency,
      errno: fields.result.map { $0.equals("ok") ? 0 : AccessEvent.errno(named: $0) })
    trace.add(event, source: source, line: trace.line)
  }

  /// The fields of a line.
  private struct Fields {
    var operation: Operation?
    /// The digits of its number.
    var disk: UnsafeRawBufferPointer?
    var connection: UInt64?
    var offset: UInt64?
    var length: UInt64?
    /// In nanoseconds, as the latency.
    var time: UInt64?
    var latency: UInt64?
    var result: UnsafeRawBufferPointer?
    var lost: UInt64?

    /// - Returns: nil if the line is not an object, or a value is not of its type.
    init?(_ line: TraceLine) {
      guard var scanner = JSONLineScanner(line) else { return nil }
      while let (key, value) = scanner.next() {
        let isKnown: Bool
        switch key {
        case let key where key.equals("op"):
          operation = Operation.allCases.first { value.elementsEqual($0.word.utf8) }
          isKnown = operation != nil
        case let key where key.equals("disk"): (disk, isKnown) = (value, value.decimal != nil)
        case let key where key.equals("connection"): isKnown = Self.set(&connection, value.decimal)
        case let key where key.equals("offset"): isKnown = Self.set(&offset, value.decimal)
        case let key where key.equals("length"): isKnown = Self.set(&length, value.decimal)
        case let key where key.equals("time"): isKnown = Self.set(&time, value.fixedPoint(decimals: 9))
        case let key where key.equals("latency"): isKnown = Self.set(&latency, value.fixedPoint(decimals: 3))
        case let key where key.equals("lost"): isKnown = Self.set(&lost, value.decimal)
        case let key where key.equals("result"): (result, isKnown) = (value, true)
        default: isKnown = true
        }
        guard isKnown else { return nil }
      }
      guard scanner.isWhole else { return nil }
    }

    private static func set(_ field: inout UInt64?, _ value: UInt64?) -> Bool {
      field = value
      return value != nil
    }
  }
}

extension UnsafeRawBufferPointer {
  /// A number that is not negative, as a multiple of a power of ten: `12.34` with 3 decimals is 12340. Further decimals
  /// are dropped.
  fileprivate func fixedPoint(decimals: Int) -> UInt64? {
    let point = firstIndex(of: UInt8(ascii: ".")) ?? count
    guard var value = UnsafeRawBufferPointer(rebasing: self[..<point]).decimal else { return nil }
    var rest = self[point...].dropFirst()
    for _ in 0..<decimals {
      let digit = (rest.popFirst() ?? 0x30) &- 0x30
      guard digit <= 9, let next = value.times(10)?.plus(UInt64(digit)) else { return nil }
      value = next
    }
    return value
  }
}
