import Foundation
import Testing

@testable import LogReport

@Suite struct PageTests {
  /// Nothing in a name can end the script element that it is in, or begin a comment in it.
  @Test func jsonInAScript() {
    let names = ["</script>", "<!--", "]]>", "&lt;", "\u{2028}\u{2029}", "¨©\u{a8}", "plain"]
    for name in names {
      var html: [UInt8] = []
      HTMLText.append(json: Array("\"\(name)\"".utf8), to: &html)
      #expect(!html.contains { [0x3c, 0x3e, 0x26].contains($0) })
      #expect(!String(decoding: html, as: UTF8.self).unicodeScalars.contains { (0x2028...0x2029).contains($0.value) })
      #expect(throws: Never.self) {
        let value = try JSONSerialization.jsonObject(with: Data(html), options: .fragmentsAllowed) as? String
        #expect(value == name)
      }
    }
    var escaped: [UInt8] = []
    HTMLText.append("<a & b>".utf8, to: &escaped)
    #expect(String(decoding: escaped, as: UTF8.self) == "&lt;a &amp; b&gt;")
  }

  @Test func everyPartIsInThePage() throws {
    let page = try ReportedLog(line(1, 0, 512, file("/x</script><script>alert(1)</script>"))).page()
    for mark in ["policy", "style", "version", "licence", "data", "d3", "script"] {
      #expect(!page.contains("<!--\(mark)-->"), "\(mark)")
    }
    #expect(page.hasPrefix("<!DOCTYPE html>") && page.contains("d3js.org") && page.contains("Mike Bostock"))
    #expect(page.contains(#"/x\u003c/script\u003e\u003cscript\u003ealert(1)"#) && !page.contains("<script>alert"))
    // Two scripts that run, one for the data, and five for the accesses.
    #expect(page.components(separatedBy: "<script").count == 9)
    #expect(page.contains("default-src 'none'; script-src 'sha256-") && !page.contains("unsafe-inline"))
  }

  @Test func arraysOfNumbers() throws {
    for count in [0, 1, 2, 3, 100_000] {
      var output = Collected()
      try Base64Text.write(count, to: &output) { UInt32($0) &* 2_654_435_761 }
      let data = try #require(Data(base64Encoded: output.text))
      #expect(data.count == 4 * count)
      for index in 0..<count {
        let value = data[(4 * index)..<(4 * index + 4)].reversed().reduce(0) { $0 << 8 | UInt32($1) }
        guard value == UInt32(index) &* 2_654_435_761 else {
          Issue.record("\(value) at \(index)")
          break
        }
      }
    }
  }

  /// Times of a long log still fit in 32 bits.
  @Test func longLogs() throws {
    let log = try ReportedLog(line(1, 0, 512, file("/a")) + line(1_000_001, 0, 512, file("/b")))
    let clock = PageClock(log.report.figures)
    #expect(clock.span == 1_000_000_000_000_000 && clock.tick > 232_000)
    #expect(clock.units(1_000_000_000) == 0)
    let last = UInt64(clock.units(1_000_001_000_000_000)) * clock.tick
    #expect(clock.span - last < clock.tick)
    // A log that ends where it began.
    let short = PageClock(try ReportedLog(line(1, 0, 512, file("/a"))).report.figures)
    #expect(short.tick == 1 && short.span == 0 && short.units(1_000_000_000) == 0)
  }
}
