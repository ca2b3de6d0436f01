import Glibc
import Mapper
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

  func message(_ text: String) {
    guard showsMessages else { return }
    print(text, to: 1)
  }

  func warning(_ text: String) { print("warning: \(text)", to: 2) }

  func detail(_ text: String) {
    guard showsDetails else { return }
    print(text, to: 2)
  }

  func activity(_ text: String) { bar?.withLock { $0.show("virt-bmap: \(text)") } }

  func progress(_ fraction: Double?) {
    bar?.withLock { bar in
      if let fraction { bar.update(fraction) } else { bar.finish() }
    }
  }

  /// Takes the bar off the screen, for a line that somebody else writes.
  func clear() { bar?.withLock { $0.clear() } }

  private func print(_ text: String, to descriptor: Int32) {
    clear()
    Messages.write("virt-bmap: \(text)\n", to: descriptor)
  }
}
