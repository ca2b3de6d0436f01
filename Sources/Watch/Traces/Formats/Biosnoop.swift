import AccessLog
import Bytes

/// What biosnoop of bcc prints, in Python or with libbpf: a line for each request that the kernel has completed, below
/// a line with the names of the columns.
///
///     TIME(s)     COMM           PID    DISK    T SECTOR     BYTES   LAT(ms)
///     0.000004    supervise      1950   xvda1   W 13092560   4096       0.74
///
/// It does not say whether a request failed. The Python one shows everything that is not a write as R.
struct Biosnoop: LineTraceFormat {
  static let name = "biosnoop"

  /// The places of the columns, counted from the end of the line, because a name of a process can have blanks.
  private struct Columns {
    var disk = 0
    var operation = 0
    var sector = 0
    var bytes = 0
    var latency = 0
    var count = 0

    init?(_ line: TraceLine) {
      guard line.rest.begins(with: "TIME(s) ") || line.rest.begins(with: "TIMESTAMP ") else { return nil }
      let names = words(line)
      func place(_ name: StaticString) -> Int? {
        names.firstIndex { $0.equals(name) }.map { names.count - $0 }
      }
      guard let disk = place("DISK"), let operation = place("T"), let sector = place("SECTOR"),
        let bytes = place("BYTES"), let latency = place("LAT(ms)")
      else { return nil }
      (self.disk, self.operation, self.sector, self.bytes, self.latency) = (disk, operation, sector, bytes, latency)
      count = names.count
    }
  }

  private var columns: Columns?

  init(_ start: TraceStart) {}

  static func recognizes(_ line: TraceLine) -> Bool { Columns(line) != nil }

  mutating func read(_ line: TraceLine, into trace: inout TraceEvents) throws(TraceProblem) {
    if let found = Columns(line) {
      columns = found
      return trace.skip()
    }
    var start = line
    guard let columns, let end = start.seconds() else { return Self.readOther(line, into: &trace) }
    trace.pass(end)
    let words = words(line)
    // The process can have no name at all.
    guard words.count >= columns.count - 1 else { throw TraceProblem("fewer columns than the header has") }
    func word(_ place: Int) -> UnsafeRawBufferPointer { words[words.count - place] }
    guard let range = byteRange(word(columns.sector).decimal?.times(512), length: word(columns.bytes).decimal),
      let latency = milliseconds(word(columns.latency))
    else {
      // A flush has neither bytes nor a sector.
      if word(columns.bytes).equals("0") { return trace.skip() }
      throw TraceProblem("no sector, bytes and latency that fit in 64 bits")
    }
    guard let operation = BlockRequests.operation(word(columns.operation), hasBytes: !range.isEmpty) else {
      return trace.skip()
    }
    let source = try trace.sources.number(of: word(columns.disk))
    trace.add(
      AccessEvent(
        operation: operation, disk: 1, connection: 1, range: operation == .flush ? 0..<0 : range,
        time: MonotonicTime(nanoseconds: end > latency ? end - latency : 0), latency: latency, errno: nil),
      source: source, line: trace.line)
  }

  /// `lost 5 events on CPU #1` (libbpf), `Possibly lost 5 samples` (Python).
  private static func readOther(_ line: TraceLine, into trace: inout TraceEvents) {
    var line = line
    trace.skip()
    guard line.skip("lost ") || line.skip("Possibly lost "), let count = line.number() else { return }
    trace.lose(count)
  }
}

private func words(_ line: TraceLine) -> [UnsafeRawBufferPointer] {
  var line = line
  var words: [UnsafeRawBufferPointer] = []
  while case let word = line.word(), !word.isEmpty { words.append(word) }
  return words
}

/// Milliseconds with decimals, in nanoseconds.
private func milliseconds(_ word: UnsafeRawBufferPointer) -> UInt64? {
  let parts = word.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
  guard parts.count == 2, parts[1].count <= 6, let whole = UnsafeRawBufferPointer(rebasing: parts[0]).decimal,
    let fraction = UnsafeRawBufferPointer(rebasing: parts[1]).decimal
  else { return nil }
  let scale = (parts[1].count..<6).reduce(UInt64(1)) { unit, _ in unit * 10 }
  return whole.times(1_000_000)?.plus(fraction * scale)
}
