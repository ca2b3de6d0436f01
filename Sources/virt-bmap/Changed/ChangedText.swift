import Answers
import BlockMap
import Bytes

extension ChangeReport {
  /// Lines `KEY: VALUE` for the categories, and a table for files and one for directories.
  func text(_ limit: RowLimit) -> String {
    var text = InformationText()
    text.add("changed", readable(totals.sum)) { text in
      for category in ChangeCategory.allCases where totals[category] > 0 {
        text.add(category.name, readable(totals[category])) { text in
          guard category == .metadata else { return }
          let shown = limit.rows(of: metadata)
          for (name, bytes) in shown { text.add(Escaping.text(name, as: .path), bytes: bytes) }
          if shown.count < metadata.count {
            text.add("others", bytes: metadata[shown.count...].reduce(0) { $0 + $1.bytes })
          }
        }
      }
    }
    return text.lines + table("files", files, limit) + table("directories", directories, limit) + names(limit)
  }

  /// The rows end with the path, which can have any length.
  private func table(_ title: String, _ entries: [Entry], _ limit: RowLimit) -> String {
    // What was only copied around a change would hide the change.
    let entries = entries.filter { $0.changed > 0 }.sorted { $0.changed > $1.changed }
    guard !entries.isEmpty else { return "" }
    let shown = limit.rows(of: entries)
    let rows = shown.map { entry in
      let categories = ChangeCategory.allCases.filter { $0 != .same && entry.totals[$0] > 0 }.map(\.name).joined(
        separator: ",")
      let name = "\(Escaping.text(entry.device, as: .device)) \(Escaping.text(entry.path, as: .path))"
      return (bytes: String(entry.changed), categories: categories, name: name)
    }
    let widths = (
      bytes: rows.reduce(0) { max($0, $1.bytes.utf8.count) },
      categories: rows.reduce(0) { max($0, $1.categories.utf8.count) }
    )
    let lines = rows.map { row in
      "    \(padding(row.bytes, widths.bytes))\(row.bytes)  \(row.categories)\(padding(row.categories, widths.categories))  \(row.name)\n"
    }
    return "\(title):\n" + lines.joined() + more(entries.count - shown.count)
  }

  private func padding(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: width - text.utf8.count)
  }

  private func more(_ hidden: Int) -> String { hidden > 0 ? "    and \(hidden) more (--top all)\n" : "" }

  /// Files whose names have changed.
  private func names(_ limit: RowLimit) -> String {
    let deletions = deleted.map { file in
      "deleted  \(Escaping.text(file.device, as: .device)) \(Escaping.text(file.path, as: .path))"
    }
    let renamings = Self.lines("renamed", renamed) + Self.lines("linked", linked)
    let lines = deletions + renamings
    guard !lines.isEmpty else { return "" }
    let shown = limit.rows(of: lines)
    return "names:\n" + shown.map { "    \($0)\n" }.joined() + more(lines.count - shown.count)
  }

  private static func lines(_ word: String, _ pairs: [(device: [UInt8], old: [UInt8], new: [UInt8])]) -> [String] {
    pairs.map { pair in
      let (old, new) = (Escaping.text(pair.old, as: .path), Escaping.text(pair.new, as: .path))
      return "\(word)  \(Escaping.text(pair.device, as: .device)) \(old) -> \(new)"
    }
  }
}
