/// The numbers in what a tool prints as `NAME: NUMBER`, a line each, with anything behind the number.
struct ToolNumbers {
  private var values: [Substring: UInt64] = [:]

  /// - Parameter separator: what stands between name and number.
  init(_ lines: some Sequence<Substring>, separator: Character = ":") {
    for line in lines {
      guard let place = line.firstIndex(of: separator),
        let number = line[line.index(after: place)...].split(whereSeparator: \.isWhitespace).first.flatMap({
          UInt64($0)
        })
      else { continue }
      // Where a name comes twice the first was the guest's: labels come first.
      values[line[..<place].trimmed] = number
    }
  }

  subscript(_ name: Substring) -> UInt64? { values[name] }
}

extension Substring {
  /// Without the white space around it.
  var trimmed: Substring {
    guard let first = firstIndex(where: { !$0.isWhitespace }), let last = lastIndex(where: { !$0.isWhitespace }) else {
      return ""
    }
    return self[first...last]
  }
}
