import CNcurses
import Glibc
import PrintableText

/// A text whose columns on a terminal are known.
///
/// What could control a terminal or change the direction of text is escaped, as in all messages. So are characters
/// whose width a terminal may see differently: those without a width, except a few combining marks after a letter.
package struct ScreenText: Sendable, Equatable {
  /// In the encoding of the locale.
  package private(set) var bytes: [UInt8] = []
  package private(set) var columns = 0

  /// A text of this program, which is ASCII.
  package init(_ text: String) {
    bytes = Array(text.utf8)
    columns = bytes.count
  }

  /// A name or any other text from outside, cut so that it has at most this many columns.
  /// - Parameters:
  ///   - keepsEnd: whether the beginning is cut off instead of the end.
  ///   - isUTF8: whether the terminal can show more than ASCII.
  package init(_ name: some Collection<UInt8>, columns limit: Int, keepsEnd: Bool, isUTF8: Bool) {
    // Nobody has a terminal this wide, and a name can be very long.
    let most = 4 * 1024
    let part = keepsEnd ? Array(name.suffix(most)) : Array(name.prefix(most))
    let cells = Self.cells(PrintableText.bytes(part), isUTF8: isUTF8)
    let width = cells.reduce(0) { $0 + $1.columns }
    guard width > limit || part.count < name.count else {
      for cell in cells { append(cell) }
      return
    }
    let mark = isUTF8 ? Cell(bytes: Array("…".utf8), columns: 1) : Cell(bytes: Array("~".utf8), columns: 1)
    let kept = Self.fitting(keepsEnd ? Array(cells.reversed()) : cells, limit - 1)
    guard limit > 0 else { return }
    if keepsEnd { append(mark) }
    for cell in keepsEnd ? kept.reversed() : kept { append(cell) }
    if !keepsEnd { append(mark) }
  }

  /// The first columns. Only for texts that were made with a limit, or are ASCII: others are left out whole.
  package func prefix(_ most: Int) -> ScreenText {
    guard columns > most else { return self }
    var text = ScreenText("")
    guard bytes.count == columns else { return text }
    text.bytes = Array(bytes.prefix(max(0, most)))
    text.columns = text.bytes.count
    return text
  }

  /// With blanks behind it, up to this width.
  package func padded(to width: Int) -> ScreenText {
    guard columns < width else { return self }
    var text = self
    text.bytes += [UInt8](repeating: 0x20, count: width - columns)
    text.columns = width
    return text
  }

  /// What stays together: a character with its combining marks.
  private struct Cell {
    var bytes: [UInt8]
    var columns: Int
    var marks = 0
  }

  private mutating func append(_ cell: Cell) {
    bytes += cell.bytes
    columns += cell.columns
  }

  private static func fitting(_ cells: [Cell], _ limit: Int) -> [Cell] {
    var width = 0
    return Array(
      cells.prefix { cell in
        width += cell.columns
        return width <= limit
      })
  }

  private static let mostMarks = 2

  /// - Parameter text: printable UTF-8.
  private static func cells(_ text: [UInt8], isUTF8: Bool) -> [Cell] {
    var cells: [Cell] = []
    for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
      let bytes = Array(UTF8.encode(scalar) ?? .init())
      let width = isUTF8 || scalar.isASCII ? columns(of: scalar) : nil
      if let width, width > 0 {
        cells.append(Cell(bytes: bytes, columns: width))
      } else if width == 0, let last = cells.indices.last, cells[last].marks < mostMarks {
        cells[last].bytes += bytes
        cells[last].marks += 1
      } else {
        for byte in bytes {
          let octal = String(byte, radix: 8)
          let escape = "\\" + String(repeating: "0", count: 3 - octal.count) + octal
          cells += escape.utf8.map { Cell(bytes: [$0], columns: 1) }
        }
      }
    }
    return cells
  }

  /// 0 for a combining mark, nil if it is not known.
  private static func columns(of scalar: Unicode.Scalar) -> Int? {
    if scalar.isASCII { return 1 }
    let properties = scalar.properties
    switch properties.generalCategory {
    case .nonspacingMark, .enclosingMark: return properties.isVariationSelector ? nil : 0
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator, .spacingMark:
      return nil
    default:
      let width = cncurses_columns(scalar.value)
      return width > 0 ? Int(width) : nil
    }
  }
}

/// The encoding of the terminal, as the environment tells it.
package enum TerminalEncoding {
  /// Sets the locale of characters. Call this before a `Screen` is made.
  /// - Returns: whether the encoding is UTF-8. Otherwise only ASCII can be shown.
  package static func set() -> Bool {
    setlocale(LC_CTYPE, "")
    return nl_langinfo(nl_item(CODESET)).map { String(cString: $0) } == "UTF-8"
  }
}
