import AccessLog

/// A request of a trace.
package struct TracedRequest {
  /// The trace does not know numbers of disks, so `disk` is always 1.
  package var event: AccessEvent
  /// The number of its source in `TraceSources`.
  package var source: Int
  /// The line or record that tells of it, from 1.
  package var line: Int
}

/// What has been read of a trace.
package struct TraceEvents {
  /// A clock that goes back by less than this is not worth mentioning: the threads of a program take their times before
  /// they write. In nanoseconds.
  private static let smallStep: UInt64 = 100_000_000

  /// The requests of the last part, in the order of the trace.
  package private(set) var requests: [TracedRequest] = []
  package internal(set) var sources = TraceSources()
  /// The number of the last line or record, from 1.
  package internal(set) var line = 0
  /// How many lines or records are about something else.
  package private(set) var skipped: UInt64 = 0
  /// How many events the trace says it does not have.
  package private(set) var lost: UInt64 = 0
  /// The first line at which the clock goes back.
  package private(set) var lineOfStepBack: Int?
  private var now: UInt64 = 0

  mutating func removeRequests() { requests.removeAll(keepingCapacity: true) }

  /// Adds a request, unless it has no bytes.
  @inline(__always)
  mutating func add(_ event: AccessEvent, source: Int, line: Int) {
    guard !event.range.isEmpty || event.operation == .flush else { return }
    sources.count(source)
    requests.append(TracedRequest(event: event, source: source, line: line))
  }

  /// Notes the time of a line, in nanoseconds of the trace's clock.
  @inline(__always)
  mutating func pass(_ time: UInt64) {
    if time < now, now - time >= Self.smallStep, lineOfStepBack == nil { lineOfStepBack = line }
    now = time
  }

  mutating func skip() { skipped &+= 1 }

  mutating func lose(_ count: UInt64) { lost = lost.addingReportingOverflow(count).overflow ? .max : lost + count }
}
