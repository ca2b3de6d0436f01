import AccessLog

/// The stages of a request in the kernel's block layer, of which a trace can have some or all.
enum BlockStage: UInt8, Comparable {
  case queued = 1
  case issued
  case completed

  static func < (a: BlockStage, b: BlockStage) -> Bool { a.rawValue < b.rawValue }
}

extension TraceStart {
  /// The last stage that any line tells of.
  /// - Parameter stage: the stage of a line; nil for one that has none.
  func lastStage(_ stage: (inout TraceLine) -> BlockStage?) -> BlockStage? {
    var last: BlockStage?
    _ = lines { line in
      var line = line
      last = [last, stage(&line)].compactMap { $0 }.max()
      return last == .completed
    }
    return last
  }
}

/// Counts each request of the kernel's block layer once: when it is completed, if the start of the trace has that
/// stage, or else when it is issued to the driver, or else when it is queued. Devices of the device mapper issue none.
///
/// Only with completions are latencies known: the time since the request was issued or, if it never was, queued.
struct BlockRequests {
  /// An event of the trace.
  struct Event {
    var stage: BlockStage
    /// Nil if the event is about no bytes and is no flush.
    var operation: Operation?
    /// In bytes of the disk.
    var range: Range<UInt64>
    /// In nanoseconds.
    var time: UInt64
    /// The error of a completion, 0 on success; nil if the trace does not say it.
    var errno: Int32?
  }

  private var counted: BlockStage?
  private var starts = StartTimes()

  /// - Parameter counted: the last stage that the start of the trace has; nil if it has none.
  init(counted: BlockStage?) { self.counted = counted }

  /// For people.
  var countedWords: String? {
    switch counted {
    case .queued: "when they are queued"
    case .issued: "when they are issued to the driver"
    case .completed: "when they are completed"
    case nil: nil
    }
  }

  @inline(__always)
  mutating func add(_ event: Event, source: Int, in trace: inout TraceEvents) {
    guard let operation = event.operation else { return }
    if counted == nil { counted = event.stage }
    guard let counted, event.stage <= counted else { return }
    let sector = event.range.lowerBound
    guard event.stage == counted else {
      if operation != .flush { starts.begin(event.stage, source, sector, at: event.time) }
      return
    }
    // A flush has no sector by which its start could be found.
    let began = counted == .completed && operation != .flush ? starts.end(source, sector) : nil
    let time = MonotonicTime(nanoseconds: began ?? event.time)
    trace.add(
      AccessEvent(
        operation: operation, disk: 1, connection: 1, range: operation == .flush ? 0..<0 : event.range, time: time,
        latency: began.map { MonotonicTime(nanoseconds: event.time).since(MonotonicTime(nanoseconds: $0)) },
        errno: event.errno),
      source: source, line: trace.line)
  }

  /// The operation in the kernel's letters, such as `RA` or `WFS`.
  /// - Parameter hasBytes: whether the request has a range.
  @inline(__always)
  static func operation(_ letters: UnsafeRawBufferPointer, hasBytes: Bool) -> Operation? {
    guard let first = letters.first else { return nil }
    let isFlush = first == UInt8(ascii: "F")
    guard hasBytes else { return isFlush ? .flush : nil }
    // A flush before the request has the same letter as one that is a request.
    let rest = isFlush ? letters.dropFirst() : letters[...]
    switch rest.first {
    case UInt8(ascii: "R"): return .read
    case UInt8(ascii: "W"): return .write
    case UInt8(ascii: "D"): return .trim
    // No letter means WRITE ZEROES. Commands that go through to the device have no range.
    case UInt8(ascii: "N"): return .zero
    case UInt8(ascii: "Z") where rest.dropFirst().first == UInt8(ascii: "A"): return .write
    default: return nil
    }
  }
}
