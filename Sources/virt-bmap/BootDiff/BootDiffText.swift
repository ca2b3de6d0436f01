import BlockMap
import BootDifference
import Bytes

extension BootDifference {
  /// Lines `KEY: VALUE`, and a table for objects and one for directories.
  func text(_ limit: RowLimit, budget: UInt64?) -> String {
    var text = InformationText()
    text.add("before", "\(readable(before.bytes)) in \(counted(Int(clamping: before.requests), "request"))")
    text.add("after", "\(readable(after.bytes)) in \(counted(Int(clamping: after.requests), "request"))")
    text.add("difference", "\(Self.signed(before.bytes, after.bytes)) bytes")
    text.add("read by one of them only", onlyOne)
    for (change, words) in [
      (Change.new, "newly read"), (.gone, "no longer read"), (.more, "read more"), (.less, "read less"),
    ] {
      let found = entries.filter { $0.change == change }
      guard !found.isEmpty else { continue }
      let bytes = found.reduce(UInt64(0)) { $0 &+ $1.size }
      text.add(words, "\(readable(bytes)) in \(counted(found.count, "object"))")
    }
    if let budget {
      text.add("budget", readable(budget))
      if after.bytes > budget { text.add("over budget", bytes: after.bytes - budget) }
    }
    let objects = entries.map { entry in
      (Self.signed(entry.before, entry.after), entry.change.rawValue, entry.object.map(Self.name) ?? "-")
    }
    let directories = directories.map { directory in
      let (device, path) = (
        Escaping.text(directory.name.device, as: .device), Escaping.text(directory.name.path, as: .path)
      )
      return (Self.signed(directory.before, directory.after), "", "\(device) \(path)")
    }
    return text.lines + Self.table("objects", objects, limit) + Self.table("directories", directories, limit)
  }

  /// What was read differently, and its share of what the first boot read.
  private var onlyOne: String {
    let bytes = entries.reduce(UInt64(0)) { $0 &+ $1.size }
    guard let share else { return readable(bytes) }
    let tenths = Int((share * 1000).rounded())
    return "\(readable(bytes)), \(tenths / 10).\(tenths % 10) %"
  }

  private static func name(_ object: MappedObject) -> String {
    let kind = String(Unicode.Scalar(object.kind.rawValue))
    let device = Escaping.text(object.device, as: .device)
    return object.path.map { "\(kind) \(device) \(Escaping.text($0, as: .path))" } ?? "\(kind) \(device)"
  }

  /// The difference with its sign.
  private static func signed(_ before: UInt64, _ after: UInt64) -> String {
    after >= before ? "+\(after - before)" : "-\(before - after)"
  }

  private static func table(_ title: String, _ rows: [(String, String, String)], _ limit: RowLimit) -> String {
    guard !rows.isEmpty else { return "" }
    let shown = limit.rows(of: rows)
    let width = shown.reduce(0) { max($0, $1.0.utf8.count) }
    var text = "\(title):\n"
    for (size, change, name) in shown {
      let word = change.isEmpty ? "" : change + String(repeating: " ", count: max(0, 4 - change.utf8.count)) + "  "
      text += "    " + String(repeating: " ", count: width - size.utf8.count) + "\(size)  \(word)\(name)\n"
    }
    if shown.count < rows.count { text += "    and \(rows.count - shown.count) more (--top all)\n" }
    return text
  }
}
