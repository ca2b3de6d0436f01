import Glibc
import LiveView
import Screen

/// Shows a live view on standard output: on the whole screen of a terminal, or else as a line each second.
enum LiveOutput {
  /// - Parameters:
  ///   - isStopped: whether to end, besides `LiveView.end`.
  ///   - quit: called when the user wants to quit.
  static func show(_ view: LiveView, isStopped: () -> Bool, quit: () -> Void) {
    if let input = terminal() {
      defer { if input.isOwned { close(input.descriptor) } }
      let isUTF8 = TerminalEncoding.set()
      if let screen = try? Screen(output: 1, input: input.descriptor, hasColors: getenv("NO_COLOR") == nil) {
        return view.show(on: screen, isUTF8: isUTF8, isStopped: isStopped, quit: quit)
      }
    }
    view.printLines(isStopped: isStopped) { line in
      // Nobody may be reading any more.
      if !Messages.write(Messages.printable(answer: line) + [0x0a], to: 1) { quit() }
    }
  }

  /// The title of a view: the command, and the name of a file without its directory, for which there is no room.
  static func title(_ command: String, _ name: String) -> [UInt8] {
    Array("virt-bmap \(command): ".utf8) + (ArgumentBytes.decode(name).split(separator: 0x2f).last ?? [])
  }

  /// Whether `show` can use the whole screen.
  static var hasScreen: Bool {
    guard let input = terminal() else { return false }
    if input.isOwned { close(input.descriptor) }
    return true
  }

  /// Where keys come from, if standard output is a terminal on which a screen can be drawn. Standard input may be a log.
  private static func terminal() -> (descriptor: Int32, isOwned: Bool)? {
    let type = getenv("TERM").map { String(cString: $0) } ?? ""
    guard isatty(1) == 1, !["", "dumb", "unknown"].contains(type) else { return nil }
    if isatty(0) == 1 { return (0, false) }
    let own = open("/dev/tty", O_RDONLY | O_CLOEXEC)
    return own < 0 ? nil : (own, true)
  }
}
