import BlockMap
import Bytes
import MapExport
import SystemPackage

/// Collects a text and writes it in blocks to a file that appears when it is complete.
struct FileOutput: ~Copyable, TextOutput {
  /// The file is written in blocks of about this many bytes.
  private static let blockBytes = 1 << 18

  private var file: AtomicFile
  private var buffer: [UInt8] = []

  /// - Throws: `MapError`.
  init(_ path: FilePath) throws(MapError) { file = try AtomicFile(path: path) }

  mutating func append(_ body: (inout [UInt8]) -> Void) throws {
    body(&buffer)
    guard buffer.count >= Self.blockBytes else { return }
    try file.write(buffer)
    buffer.removeAll(keepingCapacity: true)
  }

  consuming func commit() throws(MapError) {
    try file.write(buffer)
    try file.commit()
  }
}
