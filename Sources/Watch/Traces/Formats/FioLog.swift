import AccessLog
import Bytes

/// fio's I/O log, versions 2 and 3: the file, the action, the offset and the length in bytes. Version 3 begins each line
/// with the time since the start in microseconds.
///
/// The log does not say when an action ended, or whether it failed.
struct FioLog: LineTraceFormat {
  static let name = "fio"

  private var hasTimes: Bool

  init(_ start: TraceStart) { hasTimes = start.firstLine.map { $0.rest.begins(with: "fio version 3 ") } ?? false }

  static func recognizes(_ start: TraceStart) -> Bool { start.firstLine.map(recognizes) ?? false }

  static func recognizes(_ line: TraceLine) -> Bool { line.rest.begins(with: "fio version ") }

  mutating func read(_ line: TraceLine, into trace: inout TraceEvents) throws(TraceProblem) {
    var line = line
    guard trace.line > 1 else {
      guard line.rest.begins(with: "fio version 2 iolog") || hasTimes else {
        throw TraceProblem("not an I/O log of fio in version 2 or 3")
      }
      return trace.skip()
    }
    guard !line.rest.isEmpty else { return trace.skip() }
    var time: UInt64?
    if hasTimes {
      guard let microseconds = line.number(), let nanoseconds = microseconds.times(1000) else {
        throw TraceProblem("no time at the start")
      }
      trace.pass(nanoseconds)
      time = nanoseconds
    }
    let file = line.word()
    let action = line.word()
    let operation: Operation
    switch action {
    case let action where action.equals("read"): operation = .read
    case let action where action.equals("write"): operation = .write
    case let action where action.equals("trim"): operation = .trim
    case let action where action.equals("sync") || action.equals("datasync"): operation = .flush
    case let action where Self.isOther(action): return trace.skip()
    default: throw TraceProblem("not a file and an action")
    }
    var range: Range<UInt64> = 0..<0
    if operation != .flush {
      guard let found = byteRange(line.number(), length: line.number()) else {
        throw TraceProblem("no offset and length that fit in 64 bits")
      }
      range = found
    }
    let source = try trace.sources.number(of: file)
    trace.add(
      AccessEvent(
        operation: operation, disk: 1, connection: 1, range: range, time: time.map { MonotonicTime(nanoseconds: $0) },
        latency: nil, errno: nil),
      source: source, line: trace.line)
  }

  private static func isOther(_ action: UnsafeRawBufferPointer) -> Bool {
    action.equals("add") || action.equals("open") || action.equals("close") || action.equals("wait")
  }
}
