import BlockMap

/// Reads a log of the logger or of `virt-bmap annotate`, as text or JSON. The caller reads the file or pipe and feeds
/// what it gets, so that it can also wait for other things.
package struct LogParser {
  /// The longest line in bytes. The logger ends a line at about 16 MiB.
  static let maximumLine = 32 << 20

  /// Called for each request. The arguments are valid during the call.
  package typealias Body = (borrowing LoggedRequest, borrowing ObjectTable) throws -> Void

  private enum Form {
    case unknown
    case text(TextLogParser)
    case json(JSONLogParser)
  }

  private var form = Form.unknown
  /// The beginning of a line whose end has not come yet.
  private var rest: [UInt8] = []
  private var line = 0
  private var names = LogNames()
  private var request = LoggedRequest()
  /// How many requests the logger could not write to this log.
  package private(set) var lost: UInt64 = 0

  package init() {}

  /// The objects that the log has named so far.
  package var objects: ObjectTable { names.objects }

  /// Whether requests have times; nil as long as nothing is known.
  package var hasTimes: Bool? {
    switch form {
    case .unknown: nil
    case .text: false
    case .json: true
    }
  }

  /// Calls `body` for each request that ends in these bytes.
  /// - Throws: `LogError`, and what `body` throws.
  package mutating func feed(_ bytes: UnsafeRawBufferPointer, _ body: Body) throws {
    var start = 0
    while let end = bytes[start...].firstIndex(of: 0x0a) {
      if rest.isEmpty {
        try parse(UnsafeRawBufferPointer(rebasing: bytes[start..<end]), body)
      } else {
        rest.append(contentsOf: bytes[start..<end])
        let whole = rest
        rest.removeAll(keepingCapacity: true)
        try whole.withUnsafeBytes { try parse($0, body) }
      }
      start = end + 1
    }
    rest.append(contentsOf: bytes[start...])
    guard rest.count <= Self.maximumLine else {
      throw LogError(line: line + 1, "longer than \(Self.maximumLine) bytes: not a log")
    }
  }

  /// Call this at the end of the log.
  /// - Returns: the number of a last line that was cut off and left out; nil if the last line was whole.
  /// - Throws: `LogError` if the log is empty.
  package func finish() throws(LogError) -> Int? {
    guard line > 0 || !rest.isEmpty else { throw LogError(line: nil, "the log is empty") }
    return rest.isEmpty ? nil : line + 1
  }

  private mutating func parse(_ text: UnsafeRawBufferPointer, _ body: Body) throws {
    line += 1
    do throws(LineProblem) {
      try recognize(text)
    } catch { throw LogError(line: line, error.reason) }
    request.reset()
    switch form {
    case .unknown: return
    case .json(let parser):
      let isRequest: Bool
      do throws(LineProblem) {
        isRequest = try parser.parse(text, into: &request, &names, lost: &lost)
      } catch { throw LogError(line: line, error.reason) }
      if isRequest { try body(request, names.objects) }
    case .text(var parser):
      // The state is taken out, because it would be copied otherwise.
      form = .unknown
      defer { form = .text(parser) }
      var ranges: TextLogParser.Ranges
      do throws(LineProblem) {
        ranges = try parser.parse(text, &names, lost: &lost)
      } catch { throw LogError(line: line, error.reason) }
      while true {
        do throws(LineProblem) {
          guard try ranges.next(text, parser, into: &request, names.objects) else { return }
        } catch { throw LogError(line: line, error.reason) }
        try body(request, names.objects)
      }
    }
  }

  /// The first line that is not empty tells the form.
  private mutating func recognize(_ text: UnsafeRawBufferPointer) throws(LineProblem) {
    guard case .unknown = form, let first = text.first else { return }
    if first == 0x7b {
      form = .json(JSONLogParser())
    } else if TextLogParser.isBeginning(text) {
      form = .text(TextLogParser())
    } else {
      throw LineProblem("not a log of the logger, as text or JSON (virt-bmap annotate reads other traces)")
    }
  }
}
