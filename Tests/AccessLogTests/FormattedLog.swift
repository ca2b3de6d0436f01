import BlockMap

@testable import AccessLog

/// A log format together with the attribution of requests, as the log's writer combines them.
struct FormattedLog<Format: LogFormat> {
  private var attribution: Attribution
  private var format: Format

  init(
    _ format: Format, _ index: MapIndex?, _ selection: ObjectSelection = ObjectSelection(),
    written: WrittenRanges = WrittenRanges()
  ) {
    self.format = format
    attribution = Attribution(index: index, selection: selection, written: written)
  }

  mutating func append(_ event: AccessEvent, to output: inout [UInt8]) {
    format.append(event, attribution(event), attribution.map, to: &output)
  }

  mutating func endLine(in output: inout [UInt8]) { format.endLine(in: &output) }
  mutating func restart() { format.restart() }
}
