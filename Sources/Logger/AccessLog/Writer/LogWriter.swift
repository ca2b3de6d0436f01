import Glibc

/// Moves events from the queue to the log, in its own thread.
struct LogWriter {
  /// How long to wait for more events after the first, in milliseconds.
  private static let gathering = 40
  /// In milliseconds. After this long without an event, the open line is ended and written. Other output is written at
  /// the end of the first gathering after this time, or when there are `writeAt` bytes. So an event is written at most
  /// 100 ms after it came: two gatherings and this time.
  private static let longest = 20
  private static let writeAt = 64 << 10

  private let queue: EventQueue
  private var attribution: Attribution
  private var format: any LogFormat
  private var output: LogOutput
  private let report: @Sendable (String) -> Void
  private var buffer: [UInt8] = []
  /// The number of requests in `buffer`.
  private var requests: UInt64 = 0
  /// When the first request in `buffer` was appended.
  private var firstAppended = MonotonicTime.now()
  private var lastEvent = MonotonicTime.now()
  private var hasReported = false
  private var hasReportedTarget = false

  init(
    queue: EventQueue, attribution: Attribution, format: any LogFormat, target: any LogTarget,
    report: @escaping @Sendable (String) -> Void
  ) {
    self.queue = queue
    self.attribution = attribution
    self.format = format
    self.output = LogOutput(target: target)
    self.report = report
  }

  /// Runs until the queue is closed and empty.
  mutating func run() {
    Self.blockSignals()
    var batch: [AccessEvent] = []
    var isSettled = true
    while true {
      switch queue.take(into: &batch, milliseconds: isSettled ? nil : timeToWait, gathering: Self.gathering) {
      case .events:
        isSettled = false
        lastEvent = MonotonicTime.now()
        if buffer.isEmpty {
          follow()
          firstAppended = lastEvent
        }
        for event in batch { append(event) }
        batch.removeAll(keepingCapacity: true)
        if Self.timeLeft(since: firstAppended) == 0 { write() }
      case .idle:
        isSettled = Self.timeLeft(since: lastEvent) == 0
        if isSettled { format.endLine(in: &buffer) }
        if isSettled || Self.timeLeft(since: firstAppended) == 0 { write() }
      case .closed:
        format.endLine(in: &buffer)
        write()
        if output.totalLost > 0 { report("\(output.totalLost) requests were not logged") }
        return
      }
    }
  }

  /// In milliseconds, at least 1.
  private var timeToWait: Int {
    let untilIdle = Self.timeLeft(since: lastEvent)
    return max(1, buffer.isEmpty ? untilIdle : min(untilIdle, Self.timeLeft(since: firstAppended)))
  }

  private static func timeLeft(since time: MonotonicTime) -> Int {
    longest - min(Int(MonotonicTime.now().since(time) / 1_000_000), longest)
  }

  private mutating func append(_ event: AccessEvent) {
    if buffer.isEmpty, output.lost > 0 {
      if output.endsWithinLine { buffer.append(0x0a) }
      format.appendLoss(of: output.lost, because: output.reason, to: &buffer)
    }
    let before = buffer.count
    format.append(event, attribution(event), attribution.map, to: &buffer)
    if buffer.count > before { requests &+= 1 }
    if buffer.count >= Self.writeAt { write() }
  }

  private mutating func write() {
    firstAppended = MonotonicTime.now()
    guard !buffer.isEmpty else { return }
    if !output.write(buffer, requests: requests) {
      format.restart()
      if !hasReported {
        hasReported = true
        report("cannot write the log, requests go on unlogged: \(output.reason)")
      }
    }
    buffer.removeAll(keepingCapacity: true)
    requests = 0
  }

  /// Continues in a new file if the old one was renamed.
  private mutating func follow() {
    guard output.hasMoved else { return }
    format.endLine(in: &buffer)
    write()
    do {
      try output.follow()
      format.restart()
    } catch {
      guard !hasReportedTarget else { return }
      hasReportedTarget = true
      report("the log was renamed, and goes on there: \(error)")
    }
  }

  /// Signals are for the server's threads. SIGPIPE would end the server when the reader of the log exits.
  private static func blockSignals() {
    var all = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_BLOCK, &all, nil)
  }
}
