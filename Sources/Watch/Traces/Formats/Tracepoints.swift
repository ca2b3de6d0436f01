import AccessLog

/// The kernel's tracepoints `block_bio_queue`, `block_rq_issue`, `block_rq_complete` and `block_bio_complete`, as
/// `perf script` or the files `trace` and `trace_pipe` of tracefs show them.
///
///     dd 23028 [000]   695.953917:    block:block_rq_issue: 254,0 RA 4096 () 20401848 + 8 0x2,0,4 [dd]
///     ksoftirqd/0-14  [000] ..s.. 41066.354750: block_rq_complete: 7,0 RS () 0 + 8 be,0,4 [0]
struct Tracepoints: LineTraceFormat {
  static let name = "tracepoints"

  private var requests: BlockRequests

  init(_ start: TraceStart) {
    requests = BlockRequests(counted: start.lastStage { line in Header(&line)?.stage })
  }

  var counted: String? { requests.countedWords }

  static func recognizes(_ line: TraceLine) -> Bool {
    var line = line
    return Header(&line) != nil && blockDevice(&line) != nil
  }

  mutating func read(_ line: TraceLine, into trace: inout TraceEvents) throws(TraceProblem) {
    var rest = line
    guard let header = Header(&rest) else { return Self.readOther(line, into: &trace) }
    trace.pass(header.time)
    guard let device = blockDevice(&rest) else { throw TraceProblem("no number of a device, such as 8,0") }
    let what = try BlockRange(&rest)
    let errno = header.stage == .completed ? blockError(&rest) : nil
    let source = try trace.sources.number(of: device)
    requests.add(
      BlockRequests.Event(
        stage: header.stage, operation: what.operation, range: what.range, time: header.time, errno: errno),
      source: source, in: &trace)
  }

  /// trace_pipe says what it could not keep: `CPU:1 [LOST 123 EVENTS]`.
  private static func readOther(_ line: TraceLine, into trace: inout TraceEvents) {
    var line = line
    trace.skip()
    guard line.skip("CPU:"), line.digits() != nil, line.word().equals("[LOST") else { return }
    trace.lose(line.number() ?? 0)
  }

  /// The time and the name of the event. The name of the process stands before them, and can contain anything.
  private struct Header {
    var time: UInt64
    var stage: BlockStage

    @inline(__always)
    init?(_ line: inout TraceLine) {
      while !line.isAtEnd {
        line.skipBlanks()
        var word = line
        if let time = word.seconds(), word.skip(UInt8(ascii: ":")) {
          word.skipBlanks()
          _ = word.skip("block:")
          if let stage = Self.stage(&word) {
            line = word
            (self.time, self.stage) = (time, stage)
            return
          }
        }
        _ = line.word()
      }
      return nil
    }

    private static func stage(_ line: inout TraceLine) -> BlockStage? {
      if line.skip("block_rq_complete:") || line.skip("block_bio_complete:") { return .completed }
      if line.skip("block_rq_issue:") { return .issued }
      return line.skip("block_bio_queue:") ? .queued : nil
    }
  }
}
