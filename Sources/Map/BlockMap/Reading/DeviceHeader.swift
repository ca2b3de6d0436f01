/// Parses the header line of a device: `# device NAME type=TYPE [encrypted=yes]`.
enum DeviceHeader {
  /// Parses the fields after `# device `, where `cursor` is. Later versions can add fields.
  static func parse(_ cursor: inout LineCursor) throws(LineProblem) -> DeviceDescription {
    var device = DeviceDescription(name: try cursor.unescapedWord(), type: [], isEncrypted: false)
    guard !device.name.isEmpty else { throw LineProblem("the device has no name") }
    while !cursor.isAtEnd {
      try cursor.space(before: "the next field")
      if cursor.skip("type=") {
        device.type = try cursor.unescapedWord()
      } else if cursor.skip("encrypted=") {
        device.isEncrypted = try cursor.unescapedWord() == Array("yes".utf8)
      } else if cursor.word().isEmpty {
        throw LineProblem("a field of the device is empty")
      }
    }
    return device
  }
}
