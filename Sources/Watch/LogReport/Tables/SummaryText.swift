import AccessFigures
import AccessLog
import BlockMap
import Bytes

/// A summary of a log for people. Names are escaped as in a map, and the caller makes the text safe for a terminal.
package enum SummaryText {
  /// - Parameters:
  ///   - phases: the phases of the boot, if the log is of one.
  ///   - rows: how many files and directories are named.
  package static func text(
    _ figures: AccessFigures, _ table: ObjectTable, phases: [BootPhase] = [], rows: Int = 10
  ) -> String {
    let tables = FigureTables(figures, table)
    var text = totals(figures)
    text += remarks(figures)
    if !phases.isEmpty { text += "\nphases of the boot:\n" + self.phases(phases, figures) }
    let files = tables.objects.map { (name(of: $0.name, table), $0.counts) }
    text += list("files and other objects", files, rows)
    text += list("directories", tables.directories.map { (name(of: $0.name), $0.counts) }, rows)
    text += list("devices", tables.devices.map { (Escaping.text($0.name, as: .device), $0.counts) }, rows)
    text += list("kinds", tables.kinds.map { ($0.name?.word ?? "no object", $0.counts) }, rows)
    return text
  }

  private static func totals(_ figures: AccessFigures) -> String {
    var lines = AlignedTable()
    lines.add(["", "requests", "bytes", "distinct", "repeated", "sequential", "median", "99 %", ""])
    for operation in Operation.allCases {
      guard let counts = figures.operations[operation] else { continue }
      let latency: LatencyHistogram? =
        operation == .read ? figures.readLatency : operation == .write ? figures.writeLatency : nil
      lines.add([
        operation.word, String(counts.requests), size(counts.bytes), size(counts.distinctBytes),
        size(counts.repeatedBytes), percent(counts.sequential, of: counts.requests),
        latency?.quantile(0.5).map(duration) ?? "", latency?.quantile(0.99).map(duration) ?? "", "",
      ])
    }
    var text = lines.text(indent: 0)
    if let first = figures.first, let last = figures.last, figures.hasTimes {
      text = "\(seconds(last - first)) between the first request and the last\n" + text
    }
    return text
  }

  private static func remarks(_ figures: AccessFigures) -> String {
    var text = ""
    if figures.failed > 0 { text += "\(figures.failed) requests failed\n" }
    if figures.staleBytes > 0 {
      text += "\(size(figures.staleBytes)) had been written since the map was made: their names may be wrong\n"
    }
    if figures.stepsBack > 0 { text += "the clock of the log goes back \(figures.stepsBack) times\n" }
    return text
  }

  private static func phases(_ phases: [BootPhase], _ figures: AccessFigures) -> String {
    var lines = AlignedTable()
    lines.add(["from", "to", "requests", "read", "objects", ""])
    for phase in phases {
      lines.add([
        moment(phase.begin, figures), moment(phase.end, figures), String(phase.requests), size(phase.bytes),
        String(phase.objects), phase.name.words,
      ])
    }
    return lines.text(indent: 2)
  }

  private static func list(_ title: String, _ rows: [(name: String, counts: AccessPair)], _ most: Int) -> String {
    guard !rows.isEmpty else { return "" }
    let hasWrites = rows.contains { $0.counts.writes.requests > 0 }
    var lines = AlignedTable()
    lines.add(["read", "distinct", "requests"] + (hasWrites ? ["written", "writes"] : []) + [""])
    // What was read most comes first, as trims of free space would hide everything else.
    let sorted = rows.sorted { a, b in
      let (readA, readB) = (a.counts.reads.bytes, b.counts.reads.bytes)
      return readA != readB ? readA > readB : a.counts.writes.bytes > b.counts.writes.bytes
    }
    for row in sorted.prefix(most) {
      let (reads, writes) = (row.counts.reads, row.counts.writes)
      lines.add(
        [size(reads.bytes), size(reads.distinctBytes), String(reads.requests)]
          + (hasWrites ? [size(writes.bytes), String(writes.requests)] : []) + [row.name])
    }
    let more = rows.count > most ? ", the first \(most) of \(rows.count)" : ""
    return "\n\(title)\(more):\n" + lines.text(indent: 2)
  }

  private static func name(of object: ObjectID, _ table: ObjectTable) -> String {
    let path = table.withPath(of: object) { path in path.map { " " + Escaping.text($0, as: .path) } ?? "" }
    return Escaping.text(table.device(of: object), as: .device) + path
  }

  private static func name(of directory: DirectoryFigures.Directory) -> String {
    Escaping.text(directory.device, as: .device) + " " + Escaping.text(directory.path, as: .path)
  }

  private static func size(_ bytes: UInt64) -> String { binaryUnit(bytes) ?? "\(bytes) B" }

  private static func percent(_ part: UInt64, of whole: UInt64) -> String {
    whole == 0 ? "" : "\(UInt64(Double(part) / Double(whole) * 100)) %"
  }

  private static func moment(_ moment: UInt64, _ figures: AccessFigures) -> String {
    figures.hasTimes ? seconds(moment - min(moment, figures.first ?? 0)) : "request \(moment)"
  }

  /// For example `12.345 s`, from nanoseconds.
  private static func seconds(_ nanoseconds: UInt64) -> String {
    var text: [UInt8] = []
    JSONText.append(nanoseconds / 1_000_000, decimals: 3, to: &text)
    return String(decoding: text, as: UTF8.self) + " s"
  }

  private static func duration(_ nanoseconds: UInt64) -> String {
    var text: [UInt8] = []
    switch nanoseconds {
    case ..<1_000_000:
      JSONText.append(nanoseconds / 1000, to: &text)
      return String(decoding: text, as: UTF8.self) + " µs"
    case ..<1_000_000_000:
      JSONText.append(nanoseconds / 100_000, decimals: 1, to: &text)
      return String(decoding: text, as: UTF8.self) + " ms"
    default: return seconds(nanoseconds)
    }
  }
}
