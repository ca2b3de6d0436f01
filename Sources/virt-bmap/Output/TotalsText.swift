import AccessFigures
import BlockMap
import LiveView

/// What a log says in all, in a few lines.
enum TotalsText {
  /// - Parameter top: how many files to list, those with most bytes read first.
  static func lines(of live: LiveLog, top: Int) -> [String] {
    live.withFigures { figures, table in
      let reads = line("read", figures.total.reads, figures.readLatency)
      let writes = line("wrote", figures.total.writes, figures.writeLatency)
      return [reads, writes] + files(figures, table, top: top)
    } ?? []
  }

  private static func line(_ verb: String, _ counts: AccessCounts, _ latency: LatencyHistogram) -> String {
    let (bytes, once) = (Compact.bytes(counts.bytes), Compact.bytes(counts.distinctBytes))
    let distinct = once == bytes ? "" : " (\(once) distinct)"
    let times =
      latency.count == 0
      ? "" : ", median \(Compact.latency(latency.quantile(0.5))), 99 % \(Compact.latency(latency.quantile(0.99)))"
    return "\(verb) \(bytes)\(distinct) in \(counts.requests) requests\(times)"
  }

  private static func files(_ figures: AccessFigures, _ table: ObjectTable, top: Int) -> [String] {
    let read = figures.objects.indices.filter { index in
      table.kind(of: ObjectID(rawValue: UInt32(index))) == .file && figures.objects[index].reads.bytes > 0
    }
    let largest = read.sorted { figures.objects[$0].reads.bytes > figures.objects[$1].reads.bytes }.prefix(top)
    return largest.map { index in
      let object = table[ObjectID(rawValue: UInt32(index))]
      let bytes = Compact.bytes(figures.objects[index].reads.bytes)
      return String(repeating: " ", count: max(0, 8 - bytes.utf8.count)) + bytes + "  "
        + Escaping.text(object.device, as: .device) + " " + Escaping.text(object.path ?? [], as: .path)
    }
  }
}
