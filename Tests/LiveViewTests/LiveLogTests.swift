import LiveView
import LogReading
import Testing

/// The figures of snapshots.
@Suite struct LiveLogTests {
  private func names(_ snapshot: LiveSnapshot) -> [String] {
    snapshot.rows.map { String(decoding: $0.name, as: UTF8.self) }
  }

  private func query(_ table: LiveTable = .files, _ order: LiveOrder = .rate) -> LiveQuery {
    var query = LiveQuery()
    (query.table, query.order) = (table, order)
    return query
  }

  /// Ten requests a second for ten seconds, alternately of two files; each tenth one is a write.
  private func log() throws -> LiveLog {
    let log = LiveLog()
    for number in 0..<100 {
      try log.feed(
        LogLines.request(
          number % 10 == 9 ? "write" : "read", time: 100 + Double(number) / 10,
          path: number < 90 ? "/usr/lib/a" : "/etc/b", offset: UInt64(number) * 4096))
    }
    return log
  }

  @Test func totalsAndRates() throws {
    let snapshot = try log().taken(query())
    #expect(snapshot.reads.bytes == 90 * 4096 && snapshot.reads.requests == 90)
    #expect(snapshot.writes.bytes == 10 * 4096 && snapshot.writes.requests == 10)
    // The last second has its last tenth still to come.
    #expect((7...9).contains(snapshot.reads.requestsPerSecond), "\(snapshot.reads.requestsPerSecond)")
    #expect(snapshot.reads.bytesPerSecond == snapshot.reads.requestsPerSecond * 4096)
    let median = try #require(snapshot.reads.median)
    #expect((33_000...38_000).contains(median))
    #expect(snapshot.reads.object.map { String(decoding: $0, as: UTF8.self) } == "f /dev/sda1 /etc/b")
    #expect((9_900_000_000...11_000_000_000).contains(snapshot.elapsed), "\(snapshot.elapsed)")
  }

  @Test func theOrders() throws {
    let log = try log()
    #expect(names(log.taken(query(.files, .rate))).first == "f /dev/sda1 /etc/b")
    #expect(names(log.taken(query(.files, .read))).first == "f /dev/sda1 /usr/lib/a")
    #expect(names(log.taken(query(.files, .requests))).first == "f /dev/sda1 /usr/lib/a")
    #expect(names(log.taken(query(.files, .last))).first == "f /dev/sda1 /etc/b")
    #expect(log.taken(query(.files, .written)).rows.map(\.written) == [9 * 4096, 4096])
  }

  @Test func theTables() throws {
    let log = try log()
    #expect(
      Set(names(log.taken(query(.directories, .read))))
        == ["/dev/sda1 /", "/dev/sda1 /usr", "/dev/sda1 /usr/lib", "/dev/sda1 /etc"])
    #expect(names(log.taken(query(.devices))) == ["/dev/sda1"])
    let kinds = log.taken(query(.kinds))
    #expect(names(kinds) == ["file"] && kinds.rows[0].requests == 100)
    #expect(log.taken(query(.directories, .read)).rows.first?.read == 90 * 4096)
  }

  @Test func aLimitLeavesRowsOut() throws {
    var query = query(.files, .read)
    query.limit = 1
    let snapshot = try log().taken(query)
    #expect(names(snapshot) == ["f /dev/sda1 /usr/lib/a"] && snapshot.rowCount == 2)
  }

  /// The log of a second boot in the same file.
  @Test func aClockThatGoesBack() throws {
    let log = try log()
    for number in 0..<20 { try log.feed(LogLines.request(time: 5 + Double(number) / 10, path: "/c")) }
    let snapshot = log.taken(query())
    #expect((7...10).contains(snapshot.reads.requestsPerSecond), "\(snapshot.reads.requestsPerSecond)")
    #expect(names(snapshot).first == "f /dev/sda1 /c")
  }

  @Test func timesThatAreHuge() throws {
    let log = LiveLog()
    for time in ["18446744073.709551615", "0", "18446744073709551615", "99999999999999999999999", "1"] {
      try? log.feed(LogLines.request(time: 1, path: "/a").replacing("\"time\":1.0", with: "\"time\":\(time)"))
      _ = log.taken(query())
    }
    #expect(log.taken(query()).reads.requests >= 3)
  }

  /// No disk is that large.
  @Test(.timeLimit(.minutes(1))) func rangesThatAreHuge() throws {
    let log = LiveLog()
    for length in [UInt64.max, UInt64.max / 2, 1 << 50] {
      for _ in 0..<10 { try log.feed(LogLines.request(time: 1, path: "/a", length: length)) }
    }
    #expect(log.taken(query()).reads.requests == 30)
  }

  /// A view must not wait for a reader that takes long.
  @Test func aBusyLogHasNoSnapshot() throws {
    let log = LiveLog()
    var isTaken = true
    try Array(LogLines.request(time: 1, path: "/a").utf8).withUnsafeBytes { bytes in
      try log.feed(bytes) { _, _ in isTaken = log.snapshot(LiveQuery()) != nil }
    }
    #expect(!isTaken)
  }

  @Test func textHasNoLatencies() throws {
    let log = LiveLog()
    try log.feed("read f /dev/sda1 /boot/vmlinuz\n 2677000-267f000 267f000-2687000\n")
    let snapshot = log.taken(query())
    #expect(snapshot.reads.bytes == 0x10000 && snapshot.reads.median == nil)
    #expect(names(snapshot) == ["f /dev/sda1 /boot/vmlinuz"])
  }

  @Test func anotherFileIsNoLog() {
    let log = LiveLog()
    #expect(throws: LogError.self) { try log.feed("root:x:0:0:root:/root:/bin/bash\n") }
  }

  @Test func aNewLogBeginsAnew() throws {
    let log = try log()
    log.reset()
    #expect(log.taken(query()).reads.requests == 0)
    try log.feed(LogLines.request(time: 1, path: "/a"))
    #expect(log.taken(query()).reads.requests == 1)
  }
}
