/// Passes the console on, and looks for `--until` in its lines.
struct ConsoleWatch {
  private var text = ConsoleText()
  private let until: ConsolePattern?
  private(set) var isSeen = false

  init(until: ConsolePattern?) { self.until = until }

  mutating func add(_ bytes: UnsafeRawBufferPointer, _ observer: some GuestObserver) {
    observer.console(bytes)
    var lines: [[UInt8]] = []
    text.add(bytes) { lines.append($0) }
    for line in lines {
      look(at: line)
      observer.consoleLine(line, isFinished: true)
    }
    // A prompt, such as "login: ", has no end.
    if !text.line.isEmpty {
      look(at: text.line)
      observer.consoleLine(text.line, isFinished: false)
    }
  }

  /// Passes on what the guest has left unfinished.
  mutating func finish(_ observer: some GuestObserver) {
    if !text.line.isEmpty { observer.consoleLine(text.line, isFinished: true) }
  }

  private mutating func look(at line: [UInt8]) {
    if !isSeen, let until, until.matches(line) { isSeen = true }
  }
}
