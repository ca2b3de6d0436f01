import AccessLog
import Bytes

@testable import Traces

/// What was read of a trace.
struct ReadTrace {
  var format = ""
  /// A line for each request: the operation, the source, the range, and as far as they are known the time in
  /// microseconds, the latency in nanoseconds and the errno.
  var requests: [String] = []
  var lines: [Int] = []
  var connections: [UInt32] = []
  var isCut = false
  var counted: String?
  var skipped: UInt64 = 0
  var lost: UInt64 = 0
  var lineOfStepBack: Int?
  var sizes: [UInt64?] = []

  init(_ bytes: [UInt8], format: String? = nil) throws(TraceError) {
    var reader = try TraceReader(bytes, format: format)
    while try reader.read() {
      for request in reader.events.requests { add(request, reader.events.sources) }
    }
    self.format = reader.formatName
    (isCut, counted, skipped) = (reader.isCut, reader.counted, reader.events.skipped)
    (lost, lineOfStepBack) = (reader.events.lost, reader.events.lineOfStepBack)
    sizes = reader.events.sources.sizes
  }

  private mutating func add(_ request: TracedRequest, _ sources: TraceSources) {
    let event = request.event
    var text = "\(event.operation.word) \(String(decoding: sources.names[request.source], as: UTF8.self))"
    if event.operation != .flush { text += " \(event.range.lowerBound)-\(event.range.upperBound)" }
    if let time = event.time { text += " at \(time.nanoseconds / 1000)" }
    if let latency = event.latency { text += " in \(latency)" }
    if let errno = event.errno { text += " error \(errno)" }
    requests.append(text)
    lines.append(request.line)
    connections.append(event.connection)
  }
}

func read(_ text: String, format: String? = nil) throws(TraceError) -> ReadTrace {
  try ReadTrace(Array(text.utf8), format: format)
}

/// Why a trace cannot be read; nil if it can be.
func problem(_ text: String, format: String? = nil) -> String? { problem(Array(text.utf8), format: format) }

func problem(_ bytes: [UInt8], format: String? = nil) -> String? {
  do {
    _ = try ReadTrace(bytes, format: format)
    return nil
  } catch {
    return error.description
  }
}
