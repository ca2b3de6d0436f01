/// How the events of one log are written. Called only by the log's writer.
public protocol LogForm: Sendable {
  /// Appends an event. A line can stay open, to be continued by the next event.
  mutating func append(_ event: AccessEvent, to output: inout [UInt8])
  /// Ends an open line, because no event has come for a while or no more will come.
  mutating func endLine(in output: inout [UInt8])
  /// What follows must not refer to earlier output, which did not reach the log or is in another file.
  mutating func restart()
  /// Appends a line that says how many requests were lost before this one, and why.
  func appendLoss(of count: UInt64, because reason: String, to output: inout [UInt8])
}
