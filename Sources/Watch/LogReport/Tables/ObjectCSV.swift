import AccessFigures
import BlockMap
import Bytes

/// Comma-separated values (RFC 4180): a header line, and a line for each object. Sizes are in bytes, and moments are in
/// seconds of the log's clock, or numbers of requests if the log has no times.
package enum ObjectCSV {
  private static let header =
    "kind,device,path,read_requests,read_bytes,read_distinct,read_sequential,read_first,read_last,"
    + "write_requests,write_bytes,write_distinct,write_sequential,write_first,write_last\r\n"

  /// - Throws: whatever `output` throws.
  package static func write<Output: TextOutput & ~Copyable>(
    _ figures: AccessFigures, _ table: ObjectTable, to output: inout Output
  ) throws {
    try output.append { $0.append(contentsOf: header.utf8) }
    for row in FigureTables(figures, table).objects {
      try output.append { text in
        append(row.name, table, to: &text)
        append(row.counts.reads, hasTimes: figures.hasTimes, to: &text)
        append(row.counts.writes, hasTimes: figures.hasTimes, to: &text)
        text.append(contentsOf: "\r\n".utf8)
      }
    }
    guard !figures.unmapped.isEmpty else { return }
    try output.append { text in
      text.append(contentsOf: "-,,".utf8)
      append(figures.unmapped.reads, hasTimes: figures.hasTimes, to: &text)
      append(figures.unmapped.writes, hasTimes: figures.hasTimes, to: &text)
      text.append(contentsOf: "\r\n".utf8)
    }
  }

  private static func append(_ object: ObjectID, _ table: ObjectTable, to text: inout [UInt8]) {
    text.append(table.kind(of: object).rawValue)
    text.append(0x2c)
    CSVField.append(ExportedName.text(table.device(of: object), as: .device), to: &text)
    text.append(0x2c)
    var path: [UInt8] = []
    table.withPath(of: object) { if let bytes = $0 { ExportedName.append(bytes, as: .path, to: &path) } }
    CSVField.append(path, to: &text)
  }

  private static func append(_ counts: AccessCounts, hasTimes: Bool, to text: inout [UInt8]) {
    for number in [counts.requests, counts.bytes, counts.distinctBytes, counts.sequential] {
      text.append(0x2c)
      JSONText.append(number, to: &text)
    }
    for moment in [counts.first, counts.last] {
      text.append(0x2c)
      if let moment { Moments.append(moment, hasTimes: hasTimes, to: &text) }
    }
  }
}
