@testable import Traces

extension ParserFuzzer {
  /// A trace of another program. The first byte chooses the format, or that it must be recognized.
  static let traces = ParserFuzzer("traces") { bytes in
    let names = TraceFormats.names
    let chosen = Int(bytes.first ?? 0) & 0xf
    var reader: TraceReader
    do throws(TraceError) {
      reader = try TraceReader(Array(bytes.dropFirst()), format: chosen < names.count ? names[chosen] : nil)
    } catch {
      return try check(!error.description.isEmpty, "an error that says nothing")
    }
    var count: UInt64 = 0
    var isOver = false
    while !isOver {
      isOver = try !isRead(&reader)
      // Before an error, there can be requests.
      for request in reader.events.requests {
        try check(reader.events.sources.names.indices.contains(request.source), "source \(request.source)")
        try check(request.line > 0, "line \(request.line)")
        try check(request.event.operation == .flush || !request.event.range.isEmpty, "a request of nothing")
        count += 1
      }
    }
    try check(count == reader.events.sources.requests.reduce(0, +), "\(count) requests, but other sums")
  }

  /// Whether another part of the trace was read, and not its end or an error.
  private static func isRead(_ reader: inout TraceReader) throws -> Bool {
    do throws(TraceError) {
      return try reader.read()
    } catch {
      try check(!error.description.isEmpty, "an error that says nothing")
      return false
    }
  }
}
