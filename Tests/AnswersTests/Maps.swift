import BlockMap
import Foundation
import SystemPackage

/// A map from its text.
func readMap(_ text: String) throws -> BlockMap {
  let file = FileManager.default.temporaryDirectory.appendingPathComponent("answers-\(UUID().uuidString).bmap")
  defer { try? FileManager.default.removeItem(at: file) }
  try Data(text.utf8).write(to: file)
  return try BlockMap(contentsOf: FilePath(file.path))
}
