/// A format of traces. To add one: write a file in `Formats` like the others, and a line in `TraceFormats`.
protocol TraceFormat {
  /// The name for `--trace-format`.
  static var name: String { get }

  /// Whether a trace that begins like this is in the format.
  static func recognizes(_ start: TraceStart) -> Bool

  /// - Parameter start: how the trace begins, which tells what it is best to count.
  init(_ start: TraceStart)

  /// Reads what is whole at the start of `block`.
  /// - Returns: how many bytes that is.
  mutating func read(_ block: UnsafeRawBufferPointer, into trace: inout TraceEvents) throws(TraceProblem) -> Int

  /// What is counted as a request, if the format has a choice, in words after `counted`.
  var counted: String? { get }

  /// Adds at the end of the trace what has no answer.
  mutating func finish(_ trace: inout TraceEvents)
}

extension TraceFormat {
  var counted: String? { nil }
  mutating func finish(_ trace: inout TraceEvents) {}
}

/// A format with lines of text.
protocol LineTraceFormat: TraceFormat {
  /// Whether the line is one that no other format has.
  static func recognizes(_ line: TraceLine) -> Bool

  /// Reads a line. One that is plainly something else is skipped.
  /// - Throws: `TraceProblem` for a line that begins like a request and is none.
  mutating func read(_ line: TraceLine, into trace: inout TraceEvents) throws(TraceProblem)
}

extension LineTraceFormat {
  static func recognizes(_ start: TraceStart) -> Bool { start.lines { recognizes($0) } }

  mutating func read(_ block: UnsafeRawBufferPointer, into trace: inout TraceEvents) throws(TraceProblem) -> Int {
    try TraceLine.forEach(in: block) { line throws(TraceProblem) in
      trace.line &+= 1
      try read(line, into: &trace)
    }
  }
}

package enum TraceFormats {
  /// In the order in which they are recognized.
  static var all: [any TraceFormat.Type] {
    [
      BlktraceRecords.self, FioLog.self, AccessLogJSON.self, NBDKitLog.self, Biosnoop.self, Blkparse.self,
      Tracepoints.self, QemuTrace.self,
    ]
  }

  /// The names for `--trace-format`.
  package static var names: [String] { all.map { $0.name }.sorted() }
}
