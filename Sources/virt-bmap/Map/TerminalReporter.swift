import Appliance
import Glibc
import Synchronization

/// The mapper's messages: on standard output for who watches there, warnings always and on standard error.
final class TerminalReporter: Reporter {
  private let showsMessages: Bool
  private let showsDetails: Bool
  /// Nil: no bar.
  private let bar: Mutex<ProgressBar>?

  init(showsMessages: Bool, showsDetails: Bool, showsProgress: Bool) {
    self.showsMessages = showsMessages
    self.showsDetails = showsDetails
    bar = showsProgress ? Mutex(ProgressBar(descriptor: 1)) : nil
  }

  func message(_ text: String) { message([text]) }

  /// A message of several lines.
  func message(_ lines: [String]) {
    guard showsMessages else { return }
    print(lines, to: 1)
  }

  func warning(_ text: String) { print(["warning: \(text)"], to: 2) }

  /// Of libguestfs and tools, a detail may be several lines.
  func detail(_ text: String) {
    guard showsDetails else { return }
    print(text.split(whereSeparator: \.isNewline).map(String.init), to: 2)
  }

  func activity(_ text: String) { bar?.withLock { $0.show("virt-bmap: \(text)") } }

  func progress(_ fraction: Double?) {
    bar?.withLock { bar in
      if let fraction { bar.update(fraction) } else { bar.finish() }
    }
  }

  /// Takes the bar off the screen, for a line that somebody else writes.
  func clear() { bar?.withLock { $0.clear() } }

  /// No line but the first begins as one of virt-bmap's does.
  private func print(_ lines: [String], to descriptor: Int32) {
    clear()
    let start = "virt-bmap: "
    let indent = String(repeating: " ", count: start.count)
    Messages.lines(lines.enumerated().map { ($0 == 0 ? start : indent) + $1 }, to: descriptor)
  }
}
