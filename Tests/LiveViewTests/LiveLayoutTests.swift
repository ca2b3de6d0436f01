import Glibc
import Screen
import Testing

@testable import LiveView

/// The lines of the screen, at any size.
@Suite struct LiveLayoutTests {
  init() { setlocale(LC_CTYPE, "C.UTF-8") }

  private static let hostile = [
    "/usr/lib/x86_64-linux-gnu/libc.so.6", "/home/\\\\033[31mred\\\\007", "/\u{202e}gpj.exe", "/中文字符/中文字符/中文字符/中文",
    "/e\u{301}\u{301}\u{301}", "/" + String(repeating: "very-long-name/", count: 100), "/\u{200d}\u{fe0f}😀",
  ]

  private func snapshot(_ view: ViewState = ViewState()) throws -> LiveSnapshot {
    let log = LiveLog()
    for (number, path) in Self.hostile.enumerated() {
      try log.feed(LogLines.request(time: 1 + Double(number) / 1000, path: path, length: 1 << UInt64(12 + 2 * number)))
      try log.feed(LogLines.request("write", time: 1.05, path: path, length: 512))
    }
    return log.taken(view.query)
  }

  private func lines(
    rows: Int, columns: Int, _ view: ViewState = ViewState(), console: String? = nil
  ) throws -> [[StyledText]] {
    var frame = LiveLayout.Frame(title: Array("virt-bmap top: boot.json".utf8))
    frame.console = console.map { Array($0.utf8) }
    return LiveLayout(rows: rows, columns: columns, isUTF8: true).lines(try snapshot(view), view, frame)
  }

  private func text(_ line: [StyledText]) -> String {
    line.map { String(decoding: $0.text.bytes, as: UTF8.self) }.joined()
  }

  @Test(arguments: LiveTable.allCases) func noLineIsTooWide(table: LiveTable) throws {
    var view = ViewState()
    view.query.table = table
    let snapshot = try snapshot(view)
    var frame = LiveLayout.Frame(title: Array("virt-bmap top: \u{202e}boot.json".utf8))
    frame.console = Array("\u{202e}\u{7}debian login: 中文".utf8)
    for rows in [1, 2, 5, 8, 24] {
      for columns in [1, 7, 8, 12, 19, 20, 40, 79, 80, 200] {
        view.showsHelp = rows == 5
        let lines = LiveLayout(rows: rows, columns: columns, isUTF8: true).lines(snapshot, view, frame)
        #expect(lines.count <= rows)
        for line in lines {
          #expect(line.reduce(0) { $0 + $1.text.columns } <= columns, "\(text(line))")
          let isClean = line.allSatisfy { part in part.text.bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7f } }
          #expect(isClean, "\(text(line))")
        }
      }
    }
  }

  @Test func theWholeWidth() throws {
    let lines = try lines(rows: 24, columns: 80, console: "debian login: ").map(text)
    #expect(lines[0].hasPrefix("virt-bmap top: boot.json") && lines[0].hasSuffix(" 0:00"))
    #expect(lines[1].hasPrefix("read    ") && lines[1].contains(" req/s  median 36 us"), "\(lines[1])")
    #expect(lines[5] == "console debian login: ")
    #expect(lines[6].hasPrefix(" READ/s WRITE/s    READ WRITTEN    REQS FILE by rate  "), "\(lines[6])")
    #expect(lines[7].hasSuffix("/\\342\\200\\215\\357\\270\\217😀"), "\(lines[7])")
    #expect(lines.count == 24 && lines[23].hasPrefix("q quit"))
  }

  @Test func twentyColumns() throws {
    var view = ViewState()
    view.press(.character(UInt8(ascii: "r")), page: 1)
    let lines = try lines(rows: 24, columns: 20, view).map(text)
    #expect(lines[5].hasPrefix("   READ FILE by"), "\(lines[5])")
    #expect(lines[6].hasPrefix("  16.0M "), "\(lines[6])")
  }

  @Test func scrolling() throws {
    var view = ViewState()
    view.press(.down, page: 3)
    view.press(.pageDown, page: 3)
    #expect(view.firstRow == 4)
    view.fit(page: 5, rowCount: 7)
    #expect(view.firstRow == 2)
    view.press(.up, page: 3)
    view.press(.pageUp, page: 3)
    #expect(view.firstRow == 0)
    for _ in 0..<1000 { view.press(.end, page: 3) }
    view.fit(page: 3, rowCount: 1_000_000)
    #expect(view.query.limit <= 10_000)
  }

  @Test func keys() {
    var view = ViewState()
    view.press(.character(0x09), page: 1)
    #expect(view.query.table == .directories)
    view.press(.character(UInt8(ascii: "k")), page: 1)
    view.press(.character(0x09), page: 1)
    #expect(view.query.table == .files)
    view.press(.character(UInt8(ascii: "w")), page: 1)
    #expect(view.query.order == .written)
    view.press(.character(UInt8(ascii: "p")), page: 1)
    view.press(.character(UInt8(ascii: "?")), page: 1)
    #expect(view.isPaused && view.showsHelp && !view.isOver)
    view.press(.character(UInt8(ascii: "q")), page: 1)
    #expect(view.isOver)
  }
}
