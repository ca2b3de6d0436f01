import Screen

/// Draws a snapshot: makes the lines of the screen.
package struct LiveLayout {
  /// What is shown besides the log.
  package struct Frame: Sendable {
    /// What is watched.
    package var title: [UInt8]
    /// In a few words; empty if there is nothing to say.
    package var status = ""
    /// The last line of the guest's console; nil if there is none to show.
    package var console: [UInt8]?

    package init(title: [UInt8]) { self.title = title }
  }

  private let rows: Int
  private let columns: Int
  private let isUTF8: Bool

  package init(rows: Int, columns: Int, isUTF8: Bool) {
    self.rows = max(1, rows)
    self.columns = max(1, columns)
    self.isUTF8 = isUTF8
  }

  /// How many rows of the table fit.
  package func page(hasConsole: Bool) -> Int { max(0, rows - (hasConsole ? 8 : 7)) }

  package func lines(_ snapshot: LiveSnapshot, _ view: ViewState, _ frame: Frame) -> [[StyledText]] {
    var lines = [titleLine(snapshot, view, frame)]
    if view.showsHelp {
      lines += LiveHelp.lines.map { [StyledText(text(Array($0.utf8), columns))] }
      return Array(lines.prefix(rows))
    }
    lines.append(flow("read", snapshot.reads, .green))
    lines.append(flow("write", snapshot.writes, .yellow))
    lines.append(access("reading", snapshot.reads.object, .green))
    lines.append(access("writing", snapshot.writes.object, .yellow))
    if let console = frame.console { lines.append(access("console", console, .cyan)) }
    lines += table(snapshot, view, room: max(0, rows - lines.count - 1))
    lines += [[StyledText]](repeating: [], count: max(0, rows - lines.count - 1))
    lines.append([StyledText(text(Array(LiveHelp.footer.utf8), columns), .dim)])
    return Array(lines.prefix(rows))
  }

  private func titleLine(
    _ snapshot: LiveSnapshot, _ view: ViewState, _ frame: Frame
  ) -> [StyledText] {
    var right = " \(Compact.time(snapshot.elapsed))"
    if snapshot.lost > 0 { right += "  \(snapshot.lost) lost" }
    let status = view.isPaused ? "paused" : frame.status
    if !status.isEmpty { right += "  \(status)" }
    let room = columns - right.utf8.count
    guard room >= 8 else { return [StyledText(text(frame.title, columns).padded(to: columns), .reverse)] }
    return [
      StyledText(text(frame.title, room).padded(to: room), .reverse), StyledText(ScreenText(right), .reverse),
    ]
  }

  /// As many of the figures as fit.
  private func flow(_ name: String, _ flow: LiveSnapshot.Flow, _ style: TextStyle) -> [StyledText] {
    let parts = [
      left(name, 8) + right("\(Compact.bytes(flow.bytesPerSecond))/s", 8),
      right("\(Compact.number(flow.requestsPerSecond)) req/s", 13), "  median " + left(Compact.latency(flow.median), 8),
      " 99 % " + left(Compact.latency(flow.slowest), 8),
      "  all \(Compact.bytes(flow.bytes)) in \(Compact.number(flow.requests))",
    ]
    var line = ""
    for part in parts where line.utf8.count + part.utf8.count <= columns { line += part }
    return [StyledText(ScreenText(line), style)]
  }

  private func access(_ name: String, _ object: [UInt8]?, _ style: TextStyle) -> [StyledText] {
    let label = left(name, 8)
    guard let object, columns > label.utf8.count else { return [StyledText(text(Array(label.utf8), columns))] }
    return [
      StyledText(ScreenText(label)),
      StyledText(
        ScreenText(object, columns: columns - label.utf8.count, keepsEnd: name != "console", isUTF8: isUTF8), style),
    ]
  }

  private func table(_ snapshot: LiveSnapshot, _ view: ViewState, room: Int) -> [[StyledText]] {
    guard room > 0 else { return [] }
    let layout = LiveColumns(columns: columns, order: view.query.order)
    let titles = layout.shown.map { LiveColumns.cell($0.title) }.joined()
    let name = text(Array(heading(view.query).utf8), layout.nameWidth, keepsEnd: false)
    var lines = [[StyledText(ScreenText(titles), .reverse), StyledText(name.padded(to: layout.nameWidth), .reverse)]]
    for row in snapshot.rows.dropFirst(view.firstRow).prefix(room - 1) {
      let numbers = layout.shown.map { LiveColumns.cell($0.value(row)) }.joined()
      let isActive = row.readRate > 0 || row.writeRate > 0
      let name = ScreenText(row.name, columns: layout.nameWidth, keepsEnd: true, isUTF8: isUTF8)
      lines.append([
        StyledText(ScreenText(numbers)), StyledText(name, isActive ? .bold : .plain),
      ])
    }
    return lines
  }

  private func heading(_ query: LiveQuery) -> String {
    let table =
      switch query.table {
      case .files: "FILE"
      case .directories: "DIRECTORY"
      case .devices: "DEVICE"
      case .kinds: "KIND"
      }
    let order =
      switch query.order {
      case .rate: "rate"
      case .read: "bytes read"
      case .written: "bytes written"
      case .requests: "requests"
      case .last: "last access"
      }
    return "\(table) by \(order)"
  }

  private func text(_ bytes: [UInt8], _ width: Int, keepsEnd: Bool = false) -> ScreenText {
    ScreenText(bytes, columns: width, keepsEnd: keepsEnd, isUTF8: isUTF8)
  }

  private func left(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.utf8.count))
  }

  private func right(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.utf8.count)) + text
  }
}
