import BlockMap
import Bytes
import LogReading

@testable import LogReport

/// A text in memory.
struct Collected: TextOutput {
  var bytes: [UInt8] = []
  var text: String { String(decoding: bytes, as: UTF8.self) }

  mutating func append(_ body: (inout [UInt8]) -> Void) { body(&bytes) }
}

/// A log, read and reported.
struct ReportedLog {
  private(set) var report: LogReport
  let objects: ObjectTable
  /// The trace for Perfetto.
  private(set) var trace: [UInt8] = []

  init(_ log: String, withTimeline: Bool = true) throws { try self.init(Array(log.utf8), withTimeline: withTimeline) }

  init(_ log: [UInt8], withTimeline: Bool = true) throws {
    var report = LogReport(withTimeline: withTimeline)
    var parser = LogParser()
    var perfetto = PerfettoTrace()
    var trace: [UInt8] = []
    try log.withUnsafeBytes { bytes in
      try parser.feed(bytes) { request, objects in
        report.add(request, objects)
        _ = perfetto.append(request, objects, to: &trace)
      }
    }
    _ = try parser.finish()
    report.finish()
    perfetto.append(report.throughput, to: &trace)
    (self.report, objects, self.trace) = (report, parser.objects, trace)
  }

  func page() throws -> String {
    var output = Collected()
    try HTMLPage(report, objects, log: Array("boot.json".utf8), remarks: []).write(to: &output)
    return output.text
  }

  func json() throws -> String {
    var output = Collected()
    try FiguresJSON.write(report, objects, lost: 0, isPartial: false, to: &output)
    return output.text
  }

  func csv() throws -> String {
    var output = Collected()
    try ObjectCSV.write(report.figures, objects, to: &output)
    return output.text
  }

  func folded(by measure: FoldedStacks.Measure) throws -> String {
    var output = Collected()
    try FoldedStacks.write(report.figures, objects, by: measure, to: &output)
    return output.text
  }
}

/// A line of the JSON log about one object, as the logger writes it.
func line(
  _ time: Double, _ offset: UInt64, _ length: UInt64, _ object: String, _ operation: String = "read"
) -> String {
  """
  {"time":\(time),"op":"\(operation)","disk":1,"connection":1,"offset":\(offset),"length":\(length),\
  "result":"ok","latency":35.2,"pieces":[{"offset":\(offset),"length":\(length),"objects":[\(object),\
  {"kind":"v","device":"/dev/sda","offset":\(offset)}]}]}\n
  """
}

func file(_ path: String, kind: String = "f", device: String = "/dev/sda1") -> String {
  #"{"kind":"\#(kind)","device":"\#(device)","path":"\#(path)","offset":0}"#
}
