import Glibc

/// A progress bar with the time left, as libguestfs tools draw it, on the last line of a terminal.
struct ProgressBar {
  private let descriptor: Int32
  private var start: ContinuousClock.Instant?
  private var drawn: ContinuousClock.Instant?

  /// Anything shorter needs no bar.
  private static let delay = Duration.seconds(2)
  private static let interval = Duration.milliseconds(200)

  init(descriptor: Int32) { self.descriptor = descriptor }

  /// Shows `fraction`, from 0 to 1, if the bar is due to be drawn.
  mutating func update(_ fraction: Double, now: ContinuousClock.Instant = .now) {
    let start = start ?? now
    self.start = start
    guard now - start >= Self.delay, drawn.map({ now - $0 >= Self.interval }) ?? true else { return }
    drawn = now
    draw(line(fraction, elapsed: now - start))
  }

  /// Shows a line of text instead of the bar.
  mutating func show(_ text: String) {
    drawn = .now
    draw(text)
  }

  /// Removes the bar from the screen, for a message or at the end.
  mutating func clear() {
    guard drawn != nil else { return }
    drawn = nil
    draw("")
  }

  /// Draws any text in the bar's line.
  private func draw(_ text: String) {
    Messages.write([0x0d] + Messages.printable(text) + Array("\u{1b}[K".utf8), to: descriptor)
  }

  mutating func finish() {
    clear()
    start = nil
  }

  private func line(_ fraction: Double, elapsed: Duration) -> String {
    let percent = Int((fraction * 100).rounded(.down))
    let room = max(10, columns - 16)
    let full = Int(Double(room) * fraction)
    let bar = String(repeating: "▒", count: full) + String(repeating: "═", count: room - full)
    return String(repeating: " ", count: percent < 10 ? 2 : percent < 100 ? 1 : 0)
      + "\(percent)% ⟦\(bar)⟧ \(timeLeft(fraction, elapsed: elapsed))"
  }

  private func timeLeft(_ fraction: Double, elapsed: Duration) -> String {
    guard fraction > 0.01 else { return "--:--" }
    let seconds = Int((elapsed / .seconds(1)) * (1 - fraction) / fraction)
    let (minutes, rest) = (min(seconds / 60, 99), seconds % 60)
    return "\(minutes < 10 ? "0" : "")\(minutes):\(rest < 10 ? "0" : "")\(rest)"
  }

  private var columns: Int {
    var size = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }
}
