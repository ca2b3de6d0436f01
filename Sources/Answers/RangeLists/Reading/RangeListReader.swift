import SystemPackage

/// Reads a list in any of the formats.
package struct RangeListReader {
  private let options: ListOptions

  package init(_ options: ListOptions) { self.options = options }

  /// - Parameter descriptor: of a file or a pipe; stays open.
  /// - Throws: `ListError`.
  package func read(_ descriptor: FileDescriptor) throws(ListError) -> RangeList {
    try read(ListSource(descriptor))
  }

  /// - Throws: `ListError`.
  package func read(_ bytes: [UInt8]) throws(ListError) -> RangeList { try read(ListSource(bytes)) }

  private func read(_ source: ListSource) throws(ListError) -> RangeList {
    var source = source
    let text = ListFormats.text.filter { options.format == nil || $0.name == options.format }
    let json = ListFormats.json.filter { options.format == nil || $0.name == options.format }
    let start = try source.start()
    let isJSON = text.isEmpty || !json.isEmpty && Self.beginsLikeJSON(start)
    // A list in JSON has at least brackets.
    if isJSON, start.isEmpty {
      throw ListError("is empty: the program that should have written this list may have failed")
    }
    let list = isJSON ? try readJSON(source, formats: json) : try readLines(source, formats: text)
    try checkOptions(list.format)
    return list
  }

  /// Options that mean nothing in this format are a mistake about the format.
  private func checkOptions(_ format: String?) throws(ListError) {
    guard let format else { return }
    if options.statuses != nil, format != DDRescue.name {
      throw ListError("a list in the format \(format): --status is for ddrescue")
    }
    if options.blockSize != nil, format != BadBlocks.name {
      throw ListError("a list in the format \(format): --block-size is for badblocks")
    }
  }

  /// Whether a list begins with an object, or an array of objects or strings. A line of a kernel log can begin with a
  /// bracket, too, before a time.
  private static func beginsLikeJSON(_ start: ArraySlice<UInt8>) -> Bool {
    var rest = start.drop(while: isBlank)
    guard let first = rest.popFirst() else { return false }
    if first == UInt8(ascii: "{") { return true }
    let second = rest.first { !isBlank($0) }
    return first == UInt8(ascii: "[") && (second.map { "{[]\"".utf8.contains($0) } ?? true)
  }

  private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 }

  private func readLines(_ source: ListSource, formats: [any LineFormat.Type]) throws(ListError) -> RangeList {
    var source = source
    var list = RangeListBuilder()
    // The only one that is left was named.
    var format: (any LineFormat)? = formats.count == 1 ? formats[0].init(options) : nil
    var text: [UInt8] = []
    var lastLine = 1
    while let number = try source.readLine(into: &text) {
      let line = ListLine(text, number: number)
      lastLine = number
      if format == nil, !line.text.isEmpty {
        format = formats.first { $0.recognizes(line, options) }.map { $0.init(options) }
      }
      guard !line.isAtEnd else { continue }
      do throws(ListProblem) {
        try format?.read(line, into: &list)
      } catch {
        throw ListError(line: number, error.reason)
      }
    }
    do throws(ListProblem) {
      try format?.finish(&list)
    } catch {
      throw ListError(line: lastLine, error.reason)
    }
    return list.finish(format: format.map { type(of: $0).name })
  }

  private func readJSON(_ source: ListSource, formats: [any JSONFormat.Type]) throws(ListError) -> RangeList {
    var list = RangeListBuilder()
    var format: (any JSONFormat)?
    var scanner = JSONScanner(source)
    try scanner.forEachObject { (record) throws(ListError) in
      if format == nil { format = formats.first { $0.recognizes(record) }.map { $0.init(options) } }
      guard format != nil else {
        throw ListError(
          line: record.line, "not a list in \(options.format.map { "the format \($0)" } ?? ListFormats.known)")
      }
      do throws(ListProblem) {
        try format?.read(record, into: &list)
      } catch {
        throw ListError(line: record.line, error.reason)
      }
    }
    do throws(ListProblem) {
      try format?.finish(&list)
    } catch {
      throw ListError(error.reason)
    }
    return list.finish(format: format.map { type(of: $0).name })
  }
}
