import AccessLog
import Bytes

/// The log of nbdkit-log-filter(1): a line when a request begins, and one when it ends.
///
///     2020-08-06 02:07:23.080907 connection=1 Read id=1 offset=0x0 count=0x200 ...
///     2020-08-06 02:07:23.080927 connection=1 ...Read id=1 return=0
struct NBDKitLog: LineTraceFormat {
  static let name = "nbdkit"

  private struct Key: Hashable {
    var connection: UInt64
    var id: UInt64
  }

  private static let mostConnections = 1 << 16

  private var pending = PendingRequests<Key>()
  /// The source of each open connection, which is its export.
  private var connections: [UInt64: Int] = [:]

  init(_ start: TraceStart) {}

  static func recognizes(_ line: TraceLine) -> Bool {
    var line = line
    guard line.calendarTime(separator: 0x20) != nil else { return false }
    var word = line.word()
    if word.begins(with: "connection=") { word = line.word() }
    return isKnown(word)
  }

  private static func isKnown(_ action: UnsafeRawBufferPointer) -> Bool {
    operation(action) != nil
      || ["Ready", "Fork", "Preconnect", "ListExports", "Connect", "Extents", "Disconnect"].contains {
        action.elementsEqual($0.utf8)
      }
  }

  mutating func read(_ line: TraceLine, into trace: inout TraceEvents) throws(TraceProblem) {
    var line = line
    guard let time = line.calendarTime(separator: 0x20) else { return trace.skip() }
    trace.pass(time)
    let first = line.word()
    guard first.begins(with: "connection=") else { return trace.skip() }
    guard let connection = UnsafeRawBufferPointer(rebasing: first[11...]).decimal else {
      throw TraceProblem("connection= is not a number")
    }
    line.skipBlanks()
    if line.skip("...") { return try end(connection, line, time, &trace) }
    let action = line.word()
    if let operation = Self.operation(action) {
      try begin(operation, connection, line, time, &trace)
    } else if action.equals("Connect") {
      try connect(connection, line, &trace)
    } else {
      if action.equals("Disconnect") { connections[connection] = nil }
      trace.skip()
    }
  }

  mutating func finish(_ trace: inout TraceEvents) { pending.finish(&trace) }

  private mutating func begin(
    _ operation: Operation, _ connection: UInt64, _ line: TraceLine, _ time: UInt64, _ trace: inout TraceEvents
  ) throws(TraceProblem) {
    var line = line
    guard let id = line.value(of: "id=").decimal else { throw TraceProblem("no id= of a request") }
    var range: Range<UInt64> = 0..<0
    if operation != .flush {
      guard
        let found = byteRange(line.value(of: "offset=").hexadecimal, length: line.value(of: "count=").hexadecimal)
      else { throw TraceProblem("no offset= and count= that fit in 64 bits") }
      range = found
    }
    let event = AccessEvent(
      operation: operation, disk: 1, connection: UInt32(clamping: connection), range: range,
      time: MonotonicTime(nanoseconds: time), latency: nil, errno: nil)
    // The log may have been rotated since the client connected.
    let source: Int
    if let known = connections[connection] {
      source = known
    } else {
      source = try addConnection(connection, export: UnsafeRawBufferPointer(start: nil, count: 0), &trace)
    }
    pending.begin(Key(connection: connection, id: id), event, source: source, in: &trace)
  }

  private mutating func end(
    _ connection: UInt64, _ line: TraceLine, _ time: UInt64, _ trace: inout TraceEvents
  ) throws(TraceProblem) {
    var line = line
    guard Self.operation(line.word()) != nil else { return trace.skip() }
    guard let id = line.value(of: "id=").decimal else { throw TraceProblem("no id= of a request") }
    let result = line.value(of: "return=")
    guard let value = result.signed else { throw TraceProblem("no return= of a request") }
    let errno =
      value == 0 ? 0 : ErrnoName.errno(named: String(decoding: line.value(of: "error=").prefix(32), as: UTF8.self))
    pending.end(Key(connection: connection, id: id), time: time, errno: errno, in: &trace)
  }

  /// `Connect export="NAME" tls=0 size=0x4000000 ...`
  private mutating func connect(
    _ connection: UInt64, _ line: TraceLine, _ trace: inout TraceEvents
  ) throws(TraceProblem) {
    var line = line
    line.skipBlanks()
    guard line.skip("export=") else { throw TraceProblem("no export= of a connection") }
    // The name can contain blanks. It is quoted as for a shell.
    let text = line.rest
    guard let end = Self.end(of: text) else { throw TraceProblem("the name of the export has no end") }
    let name = UnsafeRawBufferPointer(rebasing: text[1..<end])
    let source = try addConnection(connection, export: name, &trace)
    if let size = line.value(of: "size=").hexadecimal { trace.sources.setSize(size, of: source) }
    trace.skip()
  }

  private static func end(of quoted: UnsafeRawBufferPointer) -> Int? {
    guard quoted.first == UInt8(ascii: "\"") else { return nil }
    var position = 1
    while position < quoted.count {
      if quoted[position] == UInt8(ascii: "\"") { return position }
      position += quoted[position] == UInt8(ascii: "\\") ? 2 : 1
    }
    return nil
  }

  private mutating func addConnection(
    _ connection: UInt64, export name: UnsafeRawBufferPointer, _ trace: inout TraceEvents
  ) throws(TraceProblem) -> Int {
    guard connections.count < Self.mostConnections else {
      throw TraceProblem("more than \(Self.mostConnections) connections at a time")
    }
    let source = try trace.sources.number(of: name)
    connections[connection] = source
    return source
  }

  private static func operation(_ action: UnsafeRawBufferPointer) -> Operation? {
    switch action {
    case let action where action.equals("Read"): .read
    case let action where action.equals("Write"): .write
    case let action where action.equals("Zero"): .zero
    case let action where action.equals("Trim"): .trim
    case let action where action.equals("Flush"): .flush
    case let action where action.equals("Cache"): .cache
    default: nil
    }
  }
}
