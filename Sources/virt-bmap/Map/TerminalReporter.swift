import Appliance
import Glibc
import Synchronization

/// Shows the mapper's messages on standard output if somebody watches there. Warnings are always shown, on standard
/// error.
final class TerminalReporter: Reporter {
  private let showsMessages: Bool
  private let showsDetails: Bool
  /// Nil if there is no progress bar.
  private let bar: Mutex<ProgressBar>?
  private let holdsWarnings: Bool
  /// Warnings that wait for `showWarnings`.
  private let held = Mutex<[String]>([])

  /// - Parameter holdsWarnings: whether to hold warnings back until it is known that no error follows which says more.
  init(showsMessages: Bool, showsDetails: Bool, showsProgress: Bool, holdsWarnings: Bool = false) {
    self.holdsWarnings = holdsWarnings
    self.showsMessages = showsMessages
    self.showsDetails = showsDetails
    bar = showsProgress ? Mutex(ProgressBar(descriptor: 1)) : nil
  }

  func message(_ text: String) { message([text]) }

  /// Shows a message of several lines.
  func message(_ lines: [String]) {
    guard showsMessages else { return }
    print(lines, to: 1)
  }

  func warning(_ text: String) {
    if holdsWarnings {
      held.withLock { $0.append(text) }
    } else {
      print(["warning: \(text)"], to: 2)
    }
  }

  /// Shows the warnings that were held back.
  func showWarnings() {
    for text in held.withLock({ $0 }) { print(["warning: \(text)"], to: 2) }
  }

  /// A detail from libguestfs or from tools can have several lines.
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

  /// Removes the bar from the screen, for a line that is printed elsewhere.
  func clear() { bar?.withLock { $0.clear() } }

  /// Only the first line begins with virt-bmap's prefix.
  private func print(_ lines: [String], to descriptor: Int32) {
    clear()
    let start = "virt-bmap: "
    let indent = String(repeating: " ", count: start.count)
    Messages.lines(lines.enumerated().map { ($0 == 0 ? start : indent) + $1 }, to: descriptor)
  }
}
