/// How a trace begins.
struct TraceStart {
  /// How many bytes are looked at, at most.
  static let mostBytes = 256 << 10

  let bytes: UnsafeRawBufferPointer

  /// Whether `isFound` is true for one of the lines.
  func lines(_ isFound: (TraceLine) -> Bool) -> Bool {
    var found = false
    _ = TraceLine.forEach(in: bytes) { line in found = found || isFound(line) }
    return found
  }

  /// The first line that has a newline.
  var firstLine: TraceLine? {
    var first: TraceLine?
    _ = TraceLine.forEach(in: bytes) { line in first = first ?? line }
    return first
  }
}
