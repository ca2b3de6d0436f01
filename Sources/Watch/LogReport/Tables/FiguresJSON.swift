import AccessFigures
import AccessLog
import BlockMap
import Bytes

/// The figures as one JSON object, which is part of the program's interface.
package enum FiguresJSON {
  /// - Parameters:
  ///   - lost: how many requests the logger could not write.
  ///   - isCut: whether the log ends in the middle of a line.
  /// - Throws: whatever `output` throws.
  package static func write<Output: TextOutput & ~Copyable>(
    _ report: LogReport, _ table: ObjectTable, lost: UInt64, isPartial: Bool, to output: inout Output
  ) throws {
    let figures = report.figures
    let tables = FigureTables(figures, table)
    var json = JSONWriter()
    let hasTimes = figures.hasTimes
    try json.object { json in
      json.boolean("times", hasTimes)
      json.moment("first", figures.first, hasTimes: hasTimes)
      json.moment("last", figures.last, hasTimes: hasTimes)
      json.number("failed", figures.failed)
      json.number("stale", figures.staleBytes)
      json.number("lost", lost)
      json.boolean("partial", isPartial)
      operations(figures, &json)
      json.object("latency") { json in
        latency("read", figures.readLatency, &json)
        latency("write", figures.writeLatency, &json)
      }
      json.list("phases") { json in
        for phase in report.phases.all { self.phase(phase, table, hasTimes, &json) }
      }
      json.list("disks") { json in
        for (disk, counts) in figures.disks.sorted(by: { $0.key < $1.key }) {
          json.object { json in
            json.number("disk", UInt64(disk))
            pair(counts, hasTimes, &json)
          }
        }
      }
      json.list("kinds") { json in
        for row in tables.kinds {
          json.object { json in
            json.string("kind", row.name.map { String(Unicode.Scalar($0.rawValue)) } ?? "-")
            pair(row.counts, hasTimes, &json)
          }
        }
      }
      try json.list("devices") { json in
        for row in tables.devices {
          json.object { json in
            row.name.withUnsafeBytes { json.name("device", $0, as: .device) }
            pair(row.counts, hasTimes, &json)
          }
          try flush(&json, to: &output)
        }
      }
      try json.list("directories") { json in
        for row in tables.directories {
          json.object { json in
            row.name.device.withUnsafeBytes { json.name("device", $0, as: .device) }
            row.name.path.withUnsafeBytes { json.name("path", $0, as: .path) }
            pair(row.counts, hasTimes, &json)
          }
          try flush(&json, to: &output)
        }
      }
      try json.list("objects") { json in
        for row in tables.objects {
          json.object { json in
            name(row.name, table, &json)
            if let others = figures.aliases[row.name] {
              json.list("also") { json in for other in others { json.object { name(other, table, &$0) } } }
            }
            pair(row.counts, hasTimes, &json)
          }
          try flush(&json, to: &output)
        }
      }
    }
    json.newline()
    try output.append { $0.append(contentsOf: json.take()) }
  }

  private static func flush<Output: TextOutput & ~Copyable>(
    _ json: inout JSONWriter, to output: inout Output
  ) throws {
    guard json.text.count >= 1 << 16 else { return }
    try output.append { $0.append(contentsOf: json.take()) }
  }

  private static func operations(_ figures: AccessFigures, _ json: inout JSONWriter) {
    json.list("operations") { json in
      for operation in Operation.allCases {
        guard let counts = figures.operations[operation] else { continue }
        json.object { json in
          json.string("operation", operation.word)
          self.counts(counts, figures.hasTimes, &json)
        }
      }
    }
  }

  /// In microseconds.
  private static func latency(_ key: StaticString, _ histogram: LatencyHistogram, _ json: inout JSONWriter) {
    json.object(key) { json in
      json.number("median", histogram.quantile(0.5).map { $0 / 100 }, decimals: 1)
      json.number("p99", histogram.quantile(0.99).map { $0 / 100 }, decimals: 1)
    }
  }

  private static func phase(_ phase: BootPhase, _ table: ObjectTable, _ hasTimes: Bool, _ json: inout JSONWriter) {
    json.object { json in
      json.string("phase", phase.name.words)
      json.moment("begin", phase.begin, hasTimes: hasTimes)
      json.moment("end", phase.end, hasTimes: hasTimes)
      json.number("requests", phase.requests)
      json.number("bytes", phase.bytes)
      json.number("objects", UInt64(phase.objects))
    }
  }

  private static func name(_ object: ObjectID, _ table: ObjectTable, _ json: inout JSONWriter) {
    json.string("kind", String(Unicode.Scalar(table.kind(of: object).rawValue)))
    table.device(of: object).withUnsafeBytes { json.name("device", $0, as: .device) }
    table.withPath(of: object) { if let path = $0 { json.name("path", path, as: .path) } }
  }

  private static func pair(_ pair: AccessPair, _ hasTimes: Bool, _ json: inout JSONWriter) {
    json.object("read") { counts(pair.reads, hasTimes, &$0) }
    json.object("write") { counts(pair.writes, hasTimes, &$0) }
  }

  private static func counts(_ counts: AccessCounts, _ hasTimes: Bool, _ json: inout JSONWriter) {
    json.number("requests", counts.requests)
    json.number("bytes", counts.bytes)
    json.number("distinct", counts.distinctBytes)
    json.number("sequential", counts.sequential)
    json.moment("first", counts.first, hasTimes: hasTimes)
    json.moment("last", counts.last, hasTimes: hasTimes)
  }
}
