import AccessLog

/// Trace events of QEMU, as its log backend writes them and as qemu-trace-stap prints them.
///
///     blk_co_preadv blk 0x560587bc7080 bs 0x560587bc73d0 offset 0 bytes 512 flags 0x8
///     11194@1795817001.710384:blk_co_preadv blk ...      (with -msg timestamp=on)
///     2026-11-27T22:03:21.710288Z blk_co_preadv blk ...  (new versions with -msg timestamp=on)
///     11194@1795817001710384123 blk_co_preadv blk ...    (SystemTap)
///
/// If the start of the trace has events of the block backends (`blk_co_*`), only they are counted, else those of the
/// emulated devices. Both together would count each request twice.
struct QemuTrace: LineTraceFormat {
  static let name = "qemu"

  private var layer: QemuEvent.Layer?
  /// By the pointers of virtio-blk's requests.
  private var pending = PendingRequests<UInt64>()

  init(_ start: TraceStart) {
    var found: QemuEvent.Layer?
    _ = start.lines { line in
      var line = line
      found = QemuEvent(Self.prefix(&line).name)?.layer ?? found
      return found == .backend
    }
    layer = found
  }

  var counted: String? { layer.map { $0 == .backend ? "at the block backends" : "at the emulated devices" } }

  static func recognizes(_ line: TraceLine) -> Bool {
    var line = line
    return QemuEvent(prefix(&line).name) != nil
  }

  mutating func read(_ line: TraceLine, into trace: inout TraceEvents) throws(TraceProblem) {
    var line = line
    let (time, name) = Self.prefix(&line)
    guard let event = QemuEvent(name) else { return trace.skip() }
    if let time { trace.pass(time) }
    if layer == nil { layer = event.layer }
    guard event.layer == layer else { return }
    if let end = try event.end(&line) { return pending.end(end.request, time: time, errno: end.errno, in: &trace) }
    guard let found = try event.request(line) else { return }
    let source: Int
    if let pointer = found.source {
      source = try trace.sources.number(of: pointer)
    } else {
      source = try trace.sources.number(of: event.sourceName)
    }
    let access = AccessEvent(
      operation: found.operation, disk: 1, connection: 1, range: found.range,
      time: time.map { MonotonicTime(nanoseconds: $0) }, latency: nil, errno: nil)
    guard let request = found.request else { return trace.add(access, source: source, line: trace.line) }
    pending.begin(request, access, source: source, in: &trace)
  }

  mutating func finish(_ trace: inout TraceEvents) { pending.finish(&trace) }

  /// Reads the time in nanoseconds, if there is one, and the name of the event.
  private static func prefix(_ line: inout TraceLine) -> (time: UInt64?, name: UnsafeRawBufferPointer) {
    guard line.byte &- 0x30 <= 9 else { return (nil, line.word()) }
    let start = line
    if line.digits() != nil, line.skip(UInt8(ascii: "@")) {
      let stamp = line
      if let time = line.seconds() { return (line.skip(UInt8(ascii: ":")) ? time : nil, line.word()) }
      line = stamp
      return (line.number(), line.word())
    }
    line = start
    let time = line.calendarTime(separator: UInt8(ascii: "T"))
    return (line.skip(UInt8(ascii: "Z")) ? time : nil, line.word())
  }
}
