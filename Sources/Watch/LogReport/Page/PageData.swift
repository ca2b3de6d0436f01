import AccessFigures
import AccessLog
import BlockMap
import Bytes

/// The JSON document on the page, which report.js reads. The tables are written by column.
struct PageData {
  let report: LogReport
  let table: ObjectTable
  let rows: PageRows
  let lanes: [PageLane]
  let clock: PageClock
  let log: String
  let remarks: [String]

  func write<Output: TextOutput & ~Copyable>(to output: inout Output) throws {
    try output.append { $0.append(contentsOf: "<script type=\"application/json\" id=\"report-data\">".utf8) }
    var json = JSONWriter()
    try json.object { json in
      head(&json)
      operations(&json)
      phases(&json)
      throughput(&json)
      json.list("devices") { json in
        for device in rows.deviceNames { json.string(nil, PageName.text(device, as: .device)) }
      }
      try flush(&json, to: &output)
      try objects(&json, to: &output)
      json.object("directories") { json in
        json.list("device") { for row in rows.directories { $0.number(nil, device(row.name.device)) } }
        json.list("path") { for row in rows.directories { $0.string(nil, PageName.text(row.name.path, as: .path)) } }
        columns(rows.directories.lazy.map(\.counts), &json)
      }
      try flush(&json, to: &output)
      json.object("byDevice") { json in
        json.list("device") { for row in rows.devices { $0.number(nil, device(row.name)) } }
        columns(rows.devices.lazy.map(\.counts), &json)
      }
      json.object("byKind") { json in
        json.list("kind") { for row in rows.kinds { $0.string(nil, letter(row.name)) } }
        columns(rows.kinds.lazy.map(\.counts), &json)
      }
    }
    try flush(&json, to: &output)
    try output.append { $0.append(contentsOf: "</script>\n".utf8) }
  }

  private func flush<Output: TextOutput & ~Copyable>(_ json: inout JSONWriter, to output: inout Output) throws {
    try output.append { HTMLText.append(json: json.take(), to: &$0) }
  }

  private func device(_ name: [UInt8]) -> UInt64 { UInt64(rows.number(ofDevice: name)) }

  private func letter(_ kind: ObjectKind?) -> String { kind.map { String(Unicode.Scalar($0.rawValue)) } ?? "-" }

  private func head(_ json: inout JSONWriter) {
    json.string("log", log)
    json.boolean("timed", clock.hasTimes)
    json.number("span", clock.span, decimals: clock.decimals)
    json.number("tick", clock.tick, decimals: clock.decimals)
    json.list("remarks") { json in for remark in remarks { json.string(nil, remark) } }
    json.object("accesses") { json in
      let (drawn, seen) = report.timeline?.counts ?? (0, 0)
      json.number("count", UInt64(drawn))
      json.number("merged", UInt64(seen > drawn ? seen : 0))
    }
    json.list("disks") { json in
      for lane in lanes {
        json.object { json in
          json.number("disk", UInt64(lane.disk))
          json.number("size", lane.size)
          json.number("unit", lane.unit)
          json.number("first", UInt64(lane.range.lowerBound))
          json.number("count", UInt64(lane.range.count))
        }
      }
    }
    json.list("others") { json in for kind in rows.others { json.string(nil, String(Unicode.Scalar(kind))) } }
    json.object("leftOut") { json in
      json.number("objects", UInt64(rows.leftOut.objects))
      json.number("bytes", rows.leftOut.counts.bytes)
    }
  }

  private func operations(_ json: inout JSONWriter) {
    let figures = report.figures
    json.list("operations") { json in
      for operation in Operation.allCases {
        guard let counts = figures.operations[operation] else { continue }
        let latency: LatencyHistogram? =
          operation == .read ? figures.readLatency : operation == .write ? figures.writeLatency : nil
        json.object { json in
          json.string("name", operation.word)
          json.object("counts") { json in
            json.number("requests", counts.requests)
            json.number("bytes", counts.bytes)
            json.number("distinct", counts.distinctBytes)
            json.number("sequential", counts.sequential)
          }
          // In microseconds.
          json.number("median", latency?.quantile(0.5), decimals: 3)
          json.number("slowest", latency?.quantile(0.99), decimals: 3)
        }
      }
    }
  }

  private func phases(_ json: inout JSONWriter) {
    json.list("phases") { json in
      for phase in report.phases.all {
        json.object { json in
          json.string("name", phase.name.words)
          json.number("begin", clock.offset(phase.begin), decimals: clock.decimals)
          json.number("end", clock.offset(phase.end), decimals: clock.decimals)
          json.number("requests", phase.requests)
          json.number("bytes", phase.bytes)
          json.number("objects", UInt64(phase.objects))
          json.list("top") { json in
            for (object, bytes) in phase.most {
              json.object { json in
                json.number("row", UInt64(rows.row(of: object) ?? rows.objects.count))
                json.number("bytes", bytes)
              }
            }
          }
        }
      }
    }
  }

  private func throughput(_ json: inout JSONWriter) {
    let throughput = report.throughput
    json.object("throughput") { json in
      json.number("width", throughput.width, decimals: clock.decimals)
      // The first step begins before the first request.
      let begin = throughput.begin(of: 0)
      json.number("begin", clock.offset(begin), decimals: clock.decimals)
      json.number("lead", clock.lead(begin), decimals: clock.decimals)
      json.list("read") { json in for bytes in throughput.reads { json.number(nil, bytes) } }
      json.list("write") { json in for bytes in throughput.writes { json.number(nil, bytes) } }
    }
  }

  private func objects<Output: TextOutput & ~Copyable>(_ json: inout JSONWriter, to output: inout Output) throws {
    try json.object("objects") { json in
      json.list("kind") { for row in rows.objects { $0.string(nil, letter(table.kind(of: row.name))) } }
      json.list("device") { for row in rows.objects { $0.number(nil, device(table.device(of: row.name))) } }
      try json.list("path") { json in
        for row in rows.objects {
          table.withPath(of: row.name) { path in
            guard let path else { return json.null() }
            json.string(nil, PageName.text(Array(path), as: .path))
          }
          if json.text.count > 1 << 20 { try flush(&json, to: &output) }
        }
      }
      columns(rows.objects.lazy.map(\.counts), &json)
    }
    try flush(&json, to: &output)
    // The other names of objects, by their rows.
    json.list("aliases") { json in
      for (row, object) in rows.objects.enumerated() {
        guard let others = report.figures.aliases[object.name] else { continue }
        json.object { json in
          json.number("row", UInt64(row))
          json.list("names") { json in for other in others { json.string(nil, name(of: other)) } }
        }
      }
    }
  }

  private func name(of object: ObjectID) -> String {
    let path = table.withPath(of: object) { path in path.map { " " + PageName.text(Array($0), as: .path) } ?? "" }
    return PageName.text(table.device(of: object), as: .device) + path
  }

  private func columns(_ counts: some Collection<AccessPair>, _ json: inout JSONWriter) {
    json.object("read") { columns(counts.lazy.map(\.reads), &$0) }
    json.object("write") { columns(counts.lazy.map(\.writes), &$0) }
  }

  private func columns(_ counts: some Collection<AccessCounts>, _ json: inout JSONWriter) {
    json.list("requests") { for count in counts { $0.number(nil, count.requests) } }
    json.list("bytes") { for count in counts { $0.number(nil, count.bytes) } }
    json.list("distinct") { for count in counts { $0.number(nil, count.distinctBytes) } }
    json.list("sequential") { for count in counts { $0.number(nil, count.sequential) } }
    json.list("first") { json in
      for count in counts { json.number(nil, count.first.map(clock.offset), decimals: clock.decimals) }
    }
    json.list("last") { json in
      for count in counts { json.number(nil, count.last.map(clock.offset), decimals: clock.decimals) }
    }
  }
}
