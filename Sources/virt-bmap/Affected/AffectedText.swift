import Answers
import BlockMap
import Bytes

extension AffectedAnswer {
  /// A line about the list, a line for each object, and totals.
  func writeText(to output: inout StandardOutput) throws {
    let bytes = list.ranges.reduce(0) { $0 + ($1.upperBound - $1.lowerBound) }
    let objects = affected.hits.count == 1 ? "1 object" : "\(affected.hits.count) objects"
    let ranges = list.count == 1 ? "1 range" : "\(list.count) ranges"
    try output.append("\(ranges) of disk \(disk), \(readable(bytes)): \(objects)\n".utf8)
    try writeObjects(to: &output)
    guard affected.totals.size > 0 else { return }
    let uses = SpaceUse.allCases.filter { affected.totals[$0] > 0 }.map { use in
      (use.name, affected.totals[use], use.hasContent ? affected.lost[use] : nil)
    }
    try writeTotals("USE", uses, to: &output)
    let devices = affected.devices.map { (Escaping.text($0.name, as: .device), $0.bytes, Optional($0.lost)) }
    try writeTotals("DEVICE", devices, to: &output)
    try writeSummary(to: &output)
  }

  private func writeObjects(to output: inout StandardOutput) throws {
    guard let largest = affected.hits.first else { return }
    let bytesWidth = max(5, Self.digits(largest.bytes))
    let offsetWidth = max(6, affected.hits.reduce(0) { max($0, Self.digits($1.offset ?? 0)) })
    let lostWidth = max(8, bytesWidth)
    // There can be a million lines, so they are put together in the buffer.
    func appendColumns(
      _ bytes: String, _ unit: String, _ share: String, _ offset: String, _ lost: String, _ kind: String,
      to buffer: inout [UInt8]
    ) {
      buffer.append(bytes, right: bytesWidth)
      buffer.append(0x20)
      buffer.append(unit, left: 13)
      buffer.append(share, right: 8)
      buffer.append(offset, right: offsetWidth + 2)
      buffer.append(lost, right: lostWidth + 2)
      buffer += "  ".utf8
      buffer.append(kind, left: 13)
    }
    try output.append { buffer in
      buffer.append(0x0a)
      appendColumns("BYTES", "", "SHARE", "OFFSET", "LOST", "KIND", to: &buffer)
      buffer += "OBJECT\n".utf8
    }
    for hit in affected.hits {
      let share = hit.size.map { SpaceTotals.percentage(of: hit.bytes, in: $0, digits: 2) }
      let offset = hit.offset.map { String($0) }
      let lost = !hit.use.hasContent ? "-" : hit.lost == 0 ? "readable" : String(hit.lost)
      let unit = binaryUnit(hit.bytes).map { "(\($0))" }
      try output.append { buffer in
        appendColumns(
          String(hit.bytes), unit ?? "", share ?? "-", offset ?? "-", lost, word(for: hit), to: &buffer)
        if let object = hit.object {
          map.objects.appendEscapedName(of: object, to: &buffer)
        } else {
          buffer += "-".utf8
        }
        buffer.append(0x0a)
      }
    }
  }

  /// A device stands for its bytes that are not accounted for.
  private func word(for hit: Affected.Hit) -> String {
    guard let object = hit.object, hit.use != .unaccounted else { return hit.use.name }
    return map.objects.kind(of: object).word
  }

  /// The most bytes to which names are padded.
  private static let widestName = 40

  /// A table with a line for each total, and the bytes that are lost; nil for what has no content.
  private func writeTotals(
    _ title: String, _ totals: [(name: String, bytes: UInt64, lost: UInt64?)], to output: inout StandardOutput
  ) throws {
    guard !totals.isEmpty else { return }
    // Names can be long, and many. Those that are longer push their own line to the right.
    let nameWidth = min(Self.widestName, totals.reduce(title.utf8.count) { max($0, $1.name.utf8.count) })
    let bytesWidth = max(5, Self.digits(totals.reduce(0) { max($0, $1.bytes) }))
    let (bytesTitle, lostTitle) = ("BYTES".right(bytesWidth), "LOST".right(bytesWidth))
    try output.append("\n\(title.left(nameWidth))  \(bytesTitle)  \(lostTitle)\n".utf8)
    for total in totals {
      let lost = (total.lost.map { String($0) } ?? "-").right(bytesWidth)
      try output.append("\(total.name.left(nameWidth))  \(String(total.bytes).right(bytesWidth))  \(lost)\n".utf8)
    }
  }

  /// Sentences about what is not lost, and about what is.
  private func writeSummary(to output: inout StandardOutput) throws {
    let lost = affected.lost.size
    let withContent = SpaceUse.allCases.filter(\.hasContent).reduce(0) { $0 + affected.totals[$1] }
    var lines: [String] = []
    if affected.totals[.free] > 0 {
      lines.append("\(readable(affected.totals[.free])) are free space: nothing is lost there.")
    }
    if affected.totals[.unwritten] > 0 {
      lines.append(
        "\(readable(affected.totals[.unwritten])) are not part of any file's content: nothing is lost there.")
    }
    if withContent > lost {
      lines.append("\(readable(withContent - lost)) have another copy outside of the list: they are still readable.")
    }
    lines.append("\(readable(lost)) have no copy outside of the list.")
    try output.append(("\n" + lines.map { $0 + "\n" }.joined()).utf8)
  }

  private static func digits(_ number: UInt64) -> Int { String(number).utf8.count }
}

extension [UInt8] {
  /// Appends a text with spaces before it, up to `width` bytes.
  fileprivate mutating func append(_ text: String, right width: Int) {
    append(contentsOf: repeatElement(0x20, count: Swift.max(0, width - text.utf8.count)))
    append(contentsOf: text.utf8)
  }

  /// Appends a text with spaces behind it, up to `width` bytes.
  fileprivate mutating func append(_ text: String, left width: Int) {
    append(contentsOf: text.utf8)
    append(contentsOf: repeatElement(0x20, count: Swift.max(0, width - text.utf8.count)))
  }
}

extension String {
  /// With spaces before it, up to `width` bytes.
  fileprivate func right(_ width: Int) -> String { String(repeating: " ", count: max(0, width - utf8.count)) + self }

  /// With spaces behind it, up to `width` bytes.
  fileprivate func left(_ width: Int) -> String { self + String(repeating: " ", count: max(0, width - utf8.count)) }
}
