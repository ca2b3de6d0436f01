import Answers
import BlockMap

/// What changed as JSON, which is part of the program's interface. Sizes are in bytes.
struct ChangedDocument: Encodable {
  struct Entry: Encodable {
    var device: String
    var path: String
    var bytes: UInt64
    var categories: [String: UInt64]
  }

  struct Metadata: Encodable {
    var name: String
    var bytes: UInt64
  }

  struct Name: Encodable {
    var device: String
    var path: String
    var old: String
  }

  struct File: Encodable {
    var device: String
    var path: String
  }

  var size: UInt64
  var changed: UInt64
  /// All categories.
  var categories: [String: UInt64]
  var metadata: [Metadata]
  var files: [Entry]
  var directories: [Entry]
  var deleted: [File]
  var renamed: [Name]
  var linked: [Name]

  init(_ report: ChangeReport, size: UInt64) {
    self.size = size
    changed = report.totals.sum
    categories = Self.categories(report.totals, ChangeCategory.allCases)
    metadata = report.metadata.map { Metadata(name: Escaping.text($0.name, as: .path), bytes: $0.bytes) }
    files = report.files.map(Self.entry)
    directories = report.directories.map(Self.entry)
    deleted = report.deleted.map {
      File(device: Escaping.text($0.device, as: .device), path: Escaping.text($0.path, as: .path))
    }
    renamed = report.renamed.map(Self.name)
    linked = report.linked.map(Self.name)
  }

  private static func entry(_ entry: ChangeReport.Entry) -> Entry {
    Entry(
      device: Escaping.text(entry.device, as: .device), path: Escaping.text(entry.path, as: .path),
      bytes: entry.totals.sum,
      categories: categories(entry.totals, ChangeCategory.allCases.filter { entry.totals[$0] > 0 }))
  }

  private static func categories(_ totals: ChangeTotals, _ named: [ChangeCategory]) -> [String: UInt64] {
    Dictionary(uniqueKeysWithValues: named.map { ($0.name, totals[$0]) })
  }

  private static func name(_ pair: (device: [UInt8], old: [UInt8], new: [UInt8])) -> Name {
    Name(
      device: Escaping.text(pair.device, as: .device), path: Escaping.text(pair.new, as: .path),
      old: Escaping.text(pair.old, as: .path))
  }
}
