/// A snapshot as a line of text, for output that is not a terminal.
package enum PlainLine {
  /// Names in it are not yet fit for a terminal.
  package static func of(_ snapshot: LiveSnapshot) -> [UInt8] {
    var line = Array("\(Compact.time(snapshot.elapsed)) ".utf8)
    add("read", snapshot.reads, to: &line)
    line += ", ".utf8
    add("write", snapshot.writes, to: &line)
    if let object = snapshot.reads.object { line += Array(", reading ".utf8) + object }
    if let object = snapshot.writes.object { line += Array(", writing ".utf8) + object }
    return line
  }

  private static func add(_ name: String, _ flow: LiveSnapshot.Flow, to line: inout [UInt8]) {
    line += "\(name) \(Compact.bytes(flow.bytesPerSecond))/s \(Compact.number(flow.requestsPerSecond)) req/s".utf8
    if flow.median != nil {
      line += " median \(Compact.latency(flow.median)) 99 % \(Compact.latency(flow.slowest))".utf8
    }
    line += " all \(Compact.bytes(flow.bytes))".utf8
  }
}
