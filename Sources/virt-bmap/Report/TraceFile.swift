import BlockMap
import Bytes
import LogReading
import LogReport
import SystemPackage

/// A trace for Perfetto, which is written while the log is read.
struct TraceFile: ~Copyable {
  private var trace: PerfettoTrace
  private var file: FileOutput

  /// - Throws: `MapError`.
  init(_ path: FilePath, selection: ObjectSelection, disk: Int?) throws {
    file = try FileOutput(path)
    trace = PerfettoTrace(selection: selection, disk: disk)
  }

  /// - Returns: false if the request has no time.
  mutating func append(_ request: borrowing LoggedRequest, _ objects: borrowing ObjectTable) throws -> Bool {
    var hasTime = true
    try file.append { hasTime = trace.append(request, objects, to: &$0) }
    return hasTime
  }

  consuming func finish(_ throughput: Throughput) throws {
    try file.append { trace.append(throughput, to: &$0) }
    try file.commit()
  }
}
