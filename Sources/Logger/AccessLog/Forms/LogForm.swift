/// How events are written: one log, one form. Called by the log's writer alone.
public protocol LogForm: Sendable {
  /// Appends an event. It may leave a line open for the next one to continue.
  mutating func append(_ event: AccessEvent, to output: inout [UInt8])
  /// Ends a line that is open, since no event came for a while, or no more will.
  mutating func endLine(in output: inout [UInt8])
  /// What follows must not refer to what was appended before: it did not reach the log, or goes to another file.
  mutating func restart()
  /// Appends a line that says that `count` requests were lost before this one, and why.
  func appendLoss(of count: UInt64, because reason: String, to output: inout [UInt8])
}
