import CNcurses
import Glibc

/// How a text on the screen looks.
package enum TextStyle: Sendable {
  case plain, bold, reverse, dim, green, yellow, cyan

  fileprivate var number: cncurses_style {
    switch self {
    case .plain: CNCURSES_PLAIN
    case .bold: CNCURSES_BOLD
    case .reverse: CNCURSES_REVERSE
    case .dim: CNCURSES_DIM
    case .green: CNCURSES_GREEN
    case .yellow: CNCURSES_YELLOW
    case .cyan: CNCURSES_CYAN
    }
  }
}

/// A part of a line of the screen.
package struct StyledText: Sendable, Equatable {
  package var text: ScreenText
  package var style: TextStyle

  package init(_ text: ScreenText, _ style: TextStyle = .plain) {
    self.text = text
    self.style = style
  }
}

/// A key that the user has pressed.
package enum Key: Equatable, Sendable {
  case character(UInt8)
  case up, down, pageUp, pageDown, home, end
  case other
}

/// The terminal is of a type that ncurses does not know.
package struct ScreenError: Error {}

/// A terminal as a screen of text, through ncurses. There can be one at a time, and one thread uses it.
package struct Screen: ~Copyable {
  /// - Parameters:
  ///   - output: the terminal.
  ///   - input: where keys come from: a terminal.
  ///   - hasColors: whether colours may be used.
  package init(output: Int32, input: Int32, hasColors: Bool) throws(ScreenError) {
    guard cncurses_open(output, input, hasColors ? 1 : 0) == 0 else { throw ScreenError() }
  }

  /// Gives the terminal back.
  deinit { cncurses_close() }

  /// The size now.
  package var size: (rows: Int, columns: Int) {
    var (rows, columns): (Int32, Int32) = (0, 0)
    cncurses_size(&rows, &columns)
    return (Int(rows), Int(columns))
  }

  /// Shows these lines, each from the first column, and nothing else. They are cut off at the right.
  package func show(_ lines: [[StyledText]], columns: Int) {
    cncurses_erase()
    for (row, line) in lines.enumerated() {
      var column = 0
      for part in line where column < columns {
        let text = part.text.prefix(columns - column)
        text.bytes.withUnsafeBytes { bytes in
          cncurses_put(
            Int32(clamping: row), Int32(clamping: column), bytes.bindMemory(to: CChar.self).baseAddress,
            Int32(clamping: bytes.count), part.style.number)
        }
        column += text.columns
      }
    }
    cncurses_show()
  }

  /// Waits for a key, at most for this long.
  package func key(within milliseconds: Int) -> Key? {
    switch cncurses_key(Int32(clamping: milliseconds)) {
    case CNCURSES_NONE.rawValue: nil
    case CNCURSES_UP.rawValue: .up
    case CNCURSES_DOWN.rawValue: .down
    case CNCURSES_PAGE_UP.rawValue: .pageUp
    case CNCURSES_PAGE_DOWN.rawValue: .pageDown
    case CNCURSES_HOME.rawValue: .home
    case CNCURSES_END.rawValue: .end
    case let key: UInt8(exactly: key).map { .character($0) } ?? .other
    }
  }
}
