/// Names in exported texts: escaped as in a map, and so are control characters and bytes that are not UTF-8.
package enum ExportedName {
  /// Appends a name as UTF-8.
  package static func append(_ name: UnsafeRawBufferPointer, as field: Escaping.Field, to output: inout [UInt8]) {
    // Nearly all names are printable ASCII.
    let isPlain = !name.contains { $0 < 0x20 || $0 >= 0x7f || $0 == 0x5c || ($0 == 0x20 && field == .device) }
    if isPlain {
      output.append(contentsOf: name)
    } else {
      output.append(contentsOf: Escaping.text(name, as: field).utf8)
    }
  }

  package static func text(_ name: [UInt8], as field: Escaping.Field) -> [UInt8] {
    var output: [UInt8] = []
    name.withUnsafeBytes { append($0, as: field, to: &output) }
    return output
  }
}
