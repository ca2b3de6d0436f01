import Appliance
import BlockMap
import Glibc
import MapExport
import SQLite
import SystemPackage

/// Writes a map to an SQLite database that appears when it is complete.
///
/// SQLite opens a file by its name. It fills a temporary file, whose name is removed at once, so that nothing is left
/// behind. Its content is copied to the target in the end.
enum DatabaseFile {
  private static let copyBytes = 1 << 20

  /// - Throws: `MapError` or `OutputError`.
  static func write(_ source: ExportSource, to path: FilePath) throws {
    do {
      try fill(source, path)
    } catch let error as SQLiteError {
      // SQLite knows only the temporary file.
      let directory = Escaping.text(Array(UnnamedFile.directory.utf8), as: .path)
      throw OutputError(
        "\(directory): the temporary database cannot be written (choose its place with TMPDIR): \(error)")
    } catch let error as ExportError {
      throw OutputError("\(Escaping.text(path.bytes, as: .path)): \(error)")
    }
  }

  private static func fill(_ source: ExportSource, _ path: FilePath) throws {
    var target = try AtomicFile(path: path)
    let (file, database) = try UnnamedFile.opened { try Database(path: $0) }
    defer { file.close() }
    try MapDatabase.write(source, to: database)
    try database.close()
    var position: Int64 = 0
    while true {
      let block = try file.read(Self.copyBytes, at: position)
      guard !block.isEmpty else { break }
      try target.write(block)
      position += Int64(block.count)
    }
    try target.commit()
  }
}
