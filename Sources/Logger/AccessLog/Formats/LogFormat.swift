/// How the events of one log are written. Called only by the log's writer, which has found the objects and selected the
/// parts to log before.
package protocol LogFormat: Sendable {
  /// Appends an event. A line can stay open, to be continued by the next event.
  /// - Parameters:
  ///   - request: the event's parts. `named(in:)` has the objects that a part is named after, `owners(of:)` all of them.
  ///   - map: has the names of the objects; nil if nothing is known about the disk.
  mutating func append(_ event: AccessEvent, _ request: AttributedRequest, _ map: SharedMap?, to output: inout [UInt8])
  /// Ends an open line, because no event has come for a while or no more will come.
  mutating func endLine(in output: inout [UInt8])
  /// Is called before the first event of every other file, and after output was lost, but not before the very first event.
  /// What follows must not refer to earlier output, which did not reach the log or is in another file.
  mutating func restart()
  /// Appends a line that says how many requests were lost before this one, and why.
  func appendLoss(of count: UInt64, because reason: String, to output: inout [UInt8])
}
