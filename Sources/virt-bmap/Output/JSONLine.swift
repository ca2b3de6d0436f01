import BlockMap
import FoundationEssentials

/// A value as JSON.
enum JSONLine {
  /// The value as one line, with its keys in alphabetical order.
  static func of(_ value: some Encodable) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return JSONText.printable(try encoder.encode(value)) + [0x0a]
  }
}
