import AccessLog

/// The requests of a trace that have begun and not ended. A request whose end the trace does not have is added without
/// a latency and a result: when another one has the same key, when there are too many, or at the end of the trace.
struct PendingRequests<Key: Hashable> {
  private static var most: Int { 1 << 16 }

  private var requests: [Key: TracedRequest] = [:]

  mutating func begin(_ key: Key, _ event: AccessEvent, source: Int, in trace: inout TraceEvents) {
    if requests.count == Self.most { finish(&trace) }
    let request = TracedRequest(event: event, source: source, line: trace.line)
    if let old = requests.updateValue(request, forKey: key) {
      trace.add(old.event, source: old.source, line: old.line)
    }
  }

  /// - Parameters:
  ///   - time: in nanoseconds; nil if the trace has no times.
  ///   - errno: 0 on success.
  mutating func end(_ key: Key, time: UInt64?, errno: Int32, in trace: inout TraceEvents) {
    guard var request = requests.removeValue(forKey: key) else { return }
    if let time, let began = request.event.time {
      request.event.latency = MonotonicTime(nanoseconds: time).since(began)
    }
    request.event.errno = errno
    trace.add(request.event, source: request.source, line: request.line)
  }

  /// Adds all requests that are left, in the order in which they began.
  mutating func finish(_ trace: inout TraceEvents) {
    for request in requests.values.sorted(by: { $0.line < $1.line }) {
      trace.add(request.event, source: request.source, line: request.line)
    }
    requests.removeAll()
  }
}
