import AccessLog

/// The text of blkparse(1), with its default format: device, CPU, sequence number, time, PID, action, and what the
/// action is about.
///
///     8,0    3        1     0.000000000   697  C   W 223490 + 8 [0]
struct Blkparse: LineTraceFormat {
  static let name = "blkparse"

  private var requests: BlockRequests

  init(_ start: TraceStart) {
    requests = BlockRequests(counted: start.lastStage { line in Header(&line)?.stage })
  }

  var counted: String? { requests.countedWords }

  static func recognizes(_ line: TraceLine) -> Bool {
    var line = line
    return Header(&line) != nil
  }

  mutating func read(_ line: TraceLine, into trace: inout TraceEvents) throws(TraceProblem) {
    var line = line
    guard let device = blockDevice(&line) else { return Self.readOther(line, into: &trace) }
    guard let header = Header(device, &line) else { throw TraceProblem("not an event as blkparse prints them") }
    trace.pass(header.time)
    guard let stage = header.stage else { return }
    let what = try BlockRange(&line)
    let errno = stage == .completed ? blockError(&line) : nil
    let source = try trace.sources.number(of: device)
    requests.add(
      BlockRequests.Event(
        stage: stage, operation: what.operation, range: what.range, time: header.time, errno: errno),
      source: source, in: &trace)
  }

  /// Of the statistics at the end, one line says how many events are missing: `Skips: 1 forward (5 -   0.1%)`.
  private static func readOther(_ line: TraceLine, into trace: inout TraceEvents) {
    var line = line
    trace.skip()
    guard line.skip("Skips: "), line.number() != nil, line.word().equals("forward") else { return }
    line.skipBlanks()
    guard line.skip(UInt8(ascii: "(")) else { return }
    // Numbers have a comma after the thousands.
    var missing = line.digits() ?? 0
    while line.skip(UInt8(ascii: ",")), let next = line.digits() { missing = missing &* 1000 &+ next }
    trace.lose(missing)
  }

  /// What stands before the action's own fields.
  private struct Header {
    var time: UInt64
    /// Nil for an action that is not counted.
    var stage: BlockStage?

    init?(_ line: inout TraceLine) {
      guard let device = blockDevice(&line) else { return nil }
      self.init(device, &line)
    }

    @inline(__always)
    init?(_ device: UnsafeRawBufferPointer, _ line: inout TraceLine) {
      guard line.number() != nil, line.number() != nil else { return nil }
      line.skipBlanks()
      guard let time = line.seconds(), line.number() != nil else { return nil }
      let action = line.word()
      guard !action.isEmpty, action.count <= 3 else { return nil }
      self.time = time
      guard action.count == 1 else { return }
      switch action[0] {
      case UInt8(ascii: "Q"): stage = .queued
      case UInt8(ascii: "D"): stage = .issued
      case UInt8(ascii: "C"): stage = .completed
      default: stage = nil
      }
    }
  }
}

/// A device's number such as `8,0`; nil for another word.
@inline(__always)
func blockDevice(_ line: inout TraceLine) -> UnsafeRawBufferPointer? {
  line.skipBlanks()
  var number = line
  guard number.digits() != nil, number.skip(UInt8(ascii: ",")), number.digits() != nil else { return nil }
  let word = line.word()
  return line.position == number.position ? word : nil
}
