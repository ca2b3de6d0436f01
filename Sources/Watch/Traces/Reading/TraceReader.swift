import SystemPackage

/// Reads a trace in any of the formats, part by part.
package struct TraceReader: ~Copyable {
  /// How long to wait for more bytes before the format of a trace is recognized from what is there, in milliseconds.
  private static let patience: Int32 = 1000

  private var source: TraceSource
  private var format: any TraceFormat
  /// Whether the last line or record of the trace is not whole. It was not read.
  package private(set) var isCut = false
  /// What the last part contains, and what is known of the trace.
  package private(set) var events = TraceEvents()
  private var hasBegun = false
  private var isFinished = false

  /// - Parameters:
  ///   - descriptor: of a file or a pipe; stays open.
  ///   - format: the name of the format; nil to recognize it.
  /// - Throws: `TraceError` if the trace is empty or in no known format.
  package init(_ descriptor: FileDescriptor, format: String?) throws(TraceError) {
    try self.init(source: TraceSource(descriptor), format)
  }

  /// The same for a trace in memory.
  package init(_ bytes: [UInt8], format: String?) throws(TraceError) {
    try self.init(source: TraceSource(bytes), format)
  }

  private init(source: consuming TraceSource, _ name: String?) throws(TraceError) {
    while !source.isAtEnd, source.bytes.count < TraceStart.mostBytes {
      if !source.bytes.isEmpty, source.isIdle(for: Self.patience) { break }
      try source.fill(line: 1)
    }
    guard !source.bytes.isEmpty else {
      throw TraceError("is empty: the program that should have written this trace may have failed")
    }
    let start = TraceStart(bytes: source.bytes)
    let found = TraceFormats.all.first { name == nil ? $0.recognizes(start) : $0.name == name }
    guard let found else {
      let names = TraceFormats.names.joined(separator: ", ")
      throw TraceError("not a trace in a known format: name it with --trace-format (\(names))")
    }
    format = found.init(start)
    self.source = source
  }

  /// The name of the format.
  package var formatName: String { type(of: format).name }

  /// What is counted as a request, if the format has a choice, in words after `counted`.
  package var counted: String? { format.counted }

  /// Whether the sources of the trace are numbers of disks.
  package var namesDisks: Bool { format is AccessLogJSON }

  /// Whether the next part has not been written yet.
  package var isIdle: Bool { source.isIdle(for: 0) }

  /// Reads the next part of the trace into `events`, whose requests are replaced.
  /// - Returns: false at the end.
  /// - Throws: `TraceError`.
  package mutating func read() throws(TraceError) -> Bool {
    events.removeRequests()
    guard !isFinished else { return false }
    if hasBegun { try source.fill(line: events.line + 1) }
    hasBegun = true
    do throws(TraceProblem) {
      source.consume(try format.read(source.bytes, into: &events))
    } catch {
      throw TraceError(line: events.line, error.reason)
    }
    if source.isAtEnd {
      isFinished = true
      isCut = !source.bytes.isEmpty
      format.finish(&events)
    }
    return true
  }
}
