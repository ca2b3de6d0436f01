/// Parses the header line of a disk: `# disk N size=HEX format=F file=ESCAPED`.
enum DiskHeader {
  /// Parses the disk's number and description after `# disk `, where `cursor` is.
  ///
  /// The fields can come in any order, and later versions can add some; `size` is required.
  static func parse(_ cursor: inout LineCursor) throws(LineProblem) -> (UInt32, DiskDescription) {
    let number = try cursor.diskNumber()
    var size: UInt64?
    var format: [UInt8]?
    var file: [UInt8]?
    while !cursor.isAtEnd {
      try cursor.space(before: "the next field")
      if cursor.skip("size=") {
        guard size == nil else { throw LineProblem("size= is there twice") }
        size = try cursor.hex("size=")
      } else if cursor.skip("format=") {
        guard format == nil else { throw LineProblem("format= is there twice") }
        format = try cursor.unescapedWord()
      } else if cursor.skip("file=") {
        guard file == nil else { throw LineProblem("file= is there twice") }
        file = try cursor.unescapedWord()
      } else if cursor.word().isEmpty {
        throw LineProblem("a field of the disk is empty")
      }
    }
    guard let size else { throw LineProblem("size= of disk \(number) is missing") }
    return (number, DiskDescription(size: size, format: format ?? [], file: file ?? []))
  }
}
