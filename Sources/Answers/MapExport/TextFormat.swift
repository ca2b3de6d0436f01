import Bytes

/// A text format to export a map in. The raw value is its name on the command line.
package enum TextFormat: String, CaseIterable, Sendable {
  case dfxml, csv, jsonl

  /// Writes a map, line by line.
  /// - Throws: whatever `output` throws.
  package func write<Output: TextOutput & ~Copyable>(_ source: ExportSource, to output: inout Output) throws {
    switch self {
    case .dfxml: try DFXML(source).write(to: &output)
    case .csv: try CSV.write(source, to: &output)
    case .jsonl: try JSONLines.write(source, to: &output)
    }
  }
}
