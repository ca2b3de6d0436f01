/// How the events of one log are written. Only the log's writer calls this, after it has found the objects and selected
/// the parts to log.
package protocol LogFormat: Sendable {
  /// Appends an event. A line can stay open, to be continued by the next event.
  /// - Parameters:
  ///   - request: the event's parts. `named(in:)` returns the objects that a part is named after, `owners(of:)` all
  ///     objects.
  ///   - map: has the names of the objects; nil if nothing is known about the disk.
  mutating func append(_ event: AccessEvent, _ request: AttributedRequest, _ map: SharedMap?, to output: inout [UInt8])
  /// Ends an open line, because no event has come for a while or no more will come.
  mutating func endLine(in output: inout [UInt8])
  /// Called when the log continues in another file, and after output was lost; not called before the first event. What
  /// follows must not refer to earlier output, which is in the other file or did not reach the log.
  mutating func restart()
  /// Appends a line that says how many requests were lost before this one, and why.
  func appendLoss(of count: UInt64, because reason: String, to output: inout [UInt8])
}
