import BlockMap
import Bytes
import Prefetch

/// Writes the parts of a list in the format that was chosen.
struct PrefetchWriter {
  private let isJSON: Bool
  private let endsWithNUL: Bool
  private let format: PrefetchFormat
  private var output: StandardOutput
  /// Paths are written once.
  private var written: Set<ObjectID> = []
  /// How many parts of objects came without an offset in the object, which the format needs.
  private(set) var withoutOffset = 0
  /// How many bytes are left out because no object covers them, so that no other map has them.
  private(set) var withoutObject: UInt64 = 0

  init(json: Bool, null: Bool, format: PrefetchFormat) {
    (isJSON, endsWithNUL, self.format) = (json, null, format)
    output = StandardOutput(isText: !json && !null)
    header = format == .files && !json ? PrefetchList.header : []
  }

  /// Written before the first part, so that an error before it leaves no output.
  private var header: [UInt8]

  mutating func append(_ part: PrefetchPart, _ objects: borrowing ObjectTable) throws {
    guard withoutOffset == 0 else { return }
    guard !isJSON else { return try appendJSON(part, objects) }
    switch format {
    case .ranges:
      let (start, end) = (String(part.range.lowerBound, radix: 16), String(part.range.upperBound, radix: 16))
      try output.append("\(part.disk) \(start) \(end)\n".utf8)
    case .files: try appendFile(part, objects)
    case .paths: try appendPath(part, objects)
    }
  }

  mutating func finish() throws {
    guard withoutOffset == 0 else { return }
    try output.append(header)
    header = []
    try output.flush()
  }

  private mutating func appendFile(_ part: PrefetchPart, _ objects: borrowing ObjectTable) throws {
    let length = part.range.upperBound - part.range.lowerBound
    guard let object = part.object else {
      withoutObject = withoutObject.addingSaturated(length)
      return
    }
    guard let offset = part.offset else {
      withoutOffset += 1
      return
    }
    let (end, overflow) = offset.addingReportingOverflow(length)
    guard !overflow else { return }
    var line = header
    header = []
    PrefetchList.append(offset..<end, of: object, in: objects, to: &line)
    try output.append(line)
  }

  /// Only files: the tools that take a list of paths read everything below a directory.
  private mutating func appendPath(_ part: PrefetchPart, _ objects: borrowing ObjectTable) throws {
    guard let object = part.object, objects.kind(of: object) == .file, written.insert(object).inserted else { return }
    var line: [UInt8] = []
    objects.withPath(of: object) { path in
      guard let path else { return }
      if endsWithNUL { return PathList.append(path, to: &line) }
      Escaping.append(path, as: .path, to: &line)
      line.append(0x0a)
    }
    try output.append(line)
  }

  private mutating func appendJSON(_ part: PrefetchPart, _ objects: borrowing ObjectTable) throws {
    var line = Array(#"{"disk":\#(part.disk),"length":\#(part.range.upperBound - part.range.lowerBound)"#.utf8)
    line += Array(#","offset":\#(part.range.lowerBound)"#.utf8)
    if let object = part.object {
      line += Array(#","kind":"\#(Unicode.Scalar(objects.kind(of: object).rawValue))","device":"#.utf8)
      objects.device(of: object).withUnsafeBytes { JSONText.append(name: $0, as: .device, to: &line) }
      objects.withPath(of: object) { path in
        guard let path else { return }
        line += Array(#","path":"#.utf8)
        JSONText.append(name: path, as: .path, to: &line)
      }
      if let offset = part.offset { line += Array(#","object_offset":\#(offset)"#.utf8) }
    }
    line += Array("}\n".utf8)
    try output.append(line)
  }
}
