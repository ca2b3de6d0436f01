import BlockMap
import PrintableText

/// Names on the page: escaped as in a map, and so are bytes that are not UTF-8 and characters that change the direction
/// of the text around them.
enum PageName {
  static func text(_ name: some Collection<UInt8>, as field: Escaping.Field) -> String {
    PrintableText.text(Array(Escaping.text(name, as: field).utf8))
  }
}
