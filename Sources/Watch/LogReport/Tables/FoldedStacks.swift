import AccessFigures
import BlockMap
import Bytes

/// Folded stacks for flame graphs: a line `DEVICE;DIRECTORY;...;NAME COUNT` for each object. What has no path, and
/// metadata, is below a frame in brackets: `/dev/sda1;[metadata];inode table 4096`.
package enum FoldedStacks {
  /// What the lines count.
  package enum Measure: String, CaseIterable, Sendable {
    /// Bytes read and written.
    case bytes
    /// Requests that read or wrote.
    case requests
  }

  /// - Throws: whatever `output` throws.
  package static func write<Output: TextOutput & ~Copyable>(
    _ figures: AccessFigures, _ table: ObjectTable, by measure: Measure, to output: inout Output
  ) throws {
    for row in FigureTables(figures, table).objects {
      let count = self.count(row.counts, measure)
      guard count > 0 else { continue }
      try output.append { text in
        append(row.name, table, to: &text)
        append(count, to: &text)
      }
    }
    let unmapped = count(figures.unmapped, measure)
    guard unmapped > 0 else { return }
    try output.append { text in
      text.append(contentsOf: "[no object]".utf8)
      append(unmapped, to: &text)
    }
  }

  private static func count(_ counts: AccessPair, _ measure: Measure) -> UInt64 {
    measure == .bytes ? counts.bytes : counts.requests
  }

  private static func append(_ count: UInt64, to text: inout [UInt8]) {
    text.append(0x20)
    JSONText.append(count, to: &text)
    text.append(0x0a)
  }

  private static func append(_ object: ObjectID, _ table: ObjectTable, to text: inout [UInt8]) {
    append(frame: ExportedName.text(table.device(of: object), as: .device), to: &text)
    let kind = table.kind(of: object)
    let path = table.withPath(of: object) { path in path.map { Array($0) } }
    if kind != .file, kind != .directory { text.append(contentsOf: ";[\(kind.word)]".utf8) }
    guard let path else { return }
    let isPath = path.first == 0x2f
    let frames = isPath ? path.split(separator: 0x2f) : [path[...]]
    for frame in frames {
      text.append(0x3b)
      append(frame: ExportedName.text(Array(frame), as: .path), to: &text)
    }
  }

  /// A semicolon would be read as the end of the frame. It is escaped as bytes in a map are.
  private static func append(frame: [UInt8], to text: inout [UInt8]) {
    for byte in frame {
      if byte == 0x3b { text.append(contentsOf: "\\073".utf8) } else { text.append(byte) }
    }
  }
}
