import Bytes
import Digest
import ReportPage
import Version

/// The page as it is in the program, with a comment `<!--NAME-->` where each part goes.
struct PageTemplate {
  /// What the parts are called.
  private enum Mark: String, CaseIterable {
    case policy, style, version, licence, data, d3, script

    var comment: [UInt8] { Array("<!--\(rawValue)-->".utf8) }
  }

  private let html = Self.bytes(report_page_html())
  private let style = Self.bytes(report_page_style())
  private let script = Self.bytes(report_page_script())
  private let d3 = Self.bytes(report_page_d3())
  private let licence = Self.bytes(report_page_licence())

  private static func bytes(_ part: report_page_part) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: part.bytes, count: part.size)
  }

  /// Writes the page. `data` writes what it shows.
  /// - Throws: `DigestError`, whatever `output` and `data` throw.
  func write<Output: TextOutput & ~Copyable>(
    to output: inout Output, data: (inout Output) throws -> Void
  ) throws {
    var rest = html[...]
    while let next = nextMark(in: rest) {
      try output.append { $0.append(contentsOf: rest[..<next.range.lowerBound]) }
      rest = rest[next.range.upperBound...]
      switch next.mark {
      case .policy:
        let policy = try self.policy()
        try output.append { $0.append(contentsOf: policy.utf8) }
      case .style: try output.append { $0.append(contentsOf: style) }
      case .version: try output.append { $0.append(contentsOf: version.utf8) }
      case .licence: try output.append { HTMLText.append(licence, to: &$0) }
      case .data: try data(&output)
      case .d3: try output.append { $0.append(contentsOf: d3) }
      case .script: try output.append { $0.append(contentsOf: script) }
      }
    }
    try output.append { $0.append(contentsOf: rest) }
  }

  /// Only these two scripts and this style sheet are obeyed, whatever else is in the page, and nothing is loaded.
  private func policy() throws -> String {
    let scripts = try [d3, script].map { try source($0) }.joined(separator: " ")
    return "default-src 'none'; script-src \(scripts); style-src \(try source(style)); base-uri 'none'; "
      + "form-action 'none'"
  }

  private func source(_ text: UnsafeRawBufferPointer) throws -> String {
    var base64: [UInt8] = []
    Base64Text.append(try SHA256.digest(of: text), to: &base64)
    return "'sha256-\(String(decoding: base64, as: UTF8.self))'"
  }

  private func nextMark(
    in text: Slice<UnsafeRawBufferPointer>
  ) -> (mark: Mark, range: Range<Int>)? {
    var start = text.startIndex
    while let found = text[start...].firstIndex(of: UInt8(ascii: "<")) {
      for mark in Mark.allCases where text[found...].starts(with: mark.comment) {
        return (mark, found..<found + mark.comment.count)
      }
      start = found + 1
    }
    return nil
  }
}
