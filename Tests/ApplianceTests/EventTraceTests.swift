import Testing
import WalkRecord

@testable import Appliance

/// The trace prints one line per event, whatever a guest's file names contain.
@Suite struct EventTraceTests {
  @Test func readsAndWrites() {
    let line = EventTrace.lines(.read(disk: 1, offset: 4096, length: 512))
    #expect(line == "read(disk: 1, offset: 4096, length: 512)\n")
  }

  @Test func records() throws {
    var buffer = RecordBuffer()
    try buffer.append(.begin(inodes: 5, bytes: 6))
    try buffer.append(.object(id: 2, parent: 1, kind: .file, name: Array("a\n\u{1b}b".utf8)))
    try buffer.append(.idle)
    try buffer.append(.end)
    let lines = EventTrace.lines(.channel(buffer.padded())).split(separator: "\n")
    #expect(
      lines == [
        "record begin(inodes: 5, bytes: 6)",
        #"record object(id: 2, parent: 1, kind: file, name: a\012\033b)"#, "record idle", "record end",
      ])
  }

  @Test func whatIsNoRecord() {
    let lines = EventTrace.lines(.channel([1, 2, 3]))
    #expect(lines == "record the channel holds no valid record at offset 0\n")
  }
}
