import AccessFigures
import AccessLog
import BlockMap
import Glibc
import LogReading
import Synchronization

/// A log that is read while it is shown: one thread feeds it, another one takes snapshots.
package final class LiveLog: Sendable {
  private struct State {
    var parser = LogParser()
    var totals = LiveTotals()
    /// Takes longer than anything else, so it is not made anew for each snapshot.
    var directories: (figures: DirectoryFigures, time: UInt64, cost: UInt64)?
  }

  private let state = Mutex(State())
  /// Whether somebody waits for the lock while the log is read, so that the reader lets go of it.
  private let isWanted = Atomic(false)
  private let lostCount = Atomic<UInt64>(0)

  /// In microseconds: how often the lock is tried, and how often in all.
  private static let pause: UInt32 = 200
  private static let attempts = 500

  package init() {}

  /// Adds a part of the log, which can end anywhere.
  /// - Parameter each: called for each request that ends in it.
  /// - Throws: `LogError`.
  package func feed(
    _ bytes: UnsafeRawBufferPointer, each: (borrowing LoggedRequest, borrowing ObjectTable) -> Void = { _, _ in }
  ) throws {
    letOthersIn()
    let arrival = MonotonicTime.now().nanoseconds
    try state.withLock { state in
      // The parser's caller cannot use the rest of the state meanwhile.
      var totals = LiveTotals()
      swap(&totals, &state.totals)
      defer { swap(&totals, &state.totals) }
      try state.parser.feed(bytes) { request, table in
        totals.add(request, table, arrival: arrival)
        each(request, table)
      }
      lostCount.store(state.parser.lost, ordering: .releasing)
    }
  }

  /// Call this at the end of the log; see `LogParser.finish`.
  package func finish() throws(LogError) -> Int? {
    try state.withLock { state throws(LogError) in try state.parser.finish() }
  }

  /// Begins anew, for another log.
  package func reset() {
    state.withLock { $0 = State() }
  }

  /// A lock goes to whoever asks first, which would nearly always be the reader of a long log again.
  private func letOthersIn() {
    var attempts = Self.attempts
    while isWanted.load(ordering: .acquiring), attempts > 0 {
      usleep(Self.pause)
      attempts -= 1
    }
  }

  /// Calls `body` with the state, or returns nil if the reader takes very long for a part of the log: whoever shows it
  /// must not hang with it.
  private func withState<R: Sendable>(_ body: (inout State) throws -> R) rethrows -> R? {
    isWanted.store(true, ordering: .releasing)
    defer { isWanted.store(false, ordering: .releasing) }
    for _ in 0..<Self.attempts {
      if let result = try state.withLockIfAvailable({ try body(&$0) }) { return result }
      usleep(Self.pause)
    }
    return nil
  }

  /// Requests that the logger could not write.
  package var lost: UInt64 { lostCount.load(ordering: .acquiring) }

  /// Calls `body` with everything that was added up; nil if it cannot be had now.
  package func withFigures<R: Sendable>(_ body: (AccessFigures, ObjectTable) throws -> R) rethrows -> R? {
    try withState { try body($0.totals.figures, $0.parser.objects) }
  }

  /// What a view shows now; nil if it cannot be had now.
  package func snapshot(_ query: LiveQuery) -> LiveSnapshot? {
    withState { Self.snapshot(&$0, query) }
  }

  private static func snapshot(_ state: inout State, _ query: LiveQuery) -> LiveSnapshot {
    let arrival = MonotonicTime.now().nanoseconds
    let totals = state.totals
    let table = state.parser.objects
    let now = totals.now(at: arrival)
    let recent = totals.recent.sums(at: now)
    let latency = totals.latency.since(totals.figures, at: now)
    var snapshot = LiveSnapshot()
    snapshot.elapsed = totals.elapsed(at: arrival)
    snapshot.lost = state.parser.lost
    snapshot.reads = flow(
      totals.figures.total.reads, latency.reads, bytes: recent.total.readBytes, requests: recent.total.reads)
    snapshot.writes = flow(
      totals.figures.total.writes, latency.writes, bytes: recent.total.writtenBytes, requests: recent.total.writes)
    if recent.total.reads > 0 { snapshot.reads.object = totals.lastRead.map { name(of: $0, table) } }
    if recent.total.writes > 0 { snapshot.writes.object = totals.lastWritten.map { name(of: $0, table) } }
    addRows(to: &snapshot, query, &state, LiveRows(totals: totals, table: table, recent: recent.objects))
    return snapshot
  }

  private static func flow(
    _ counts: AccessCounts, _ latency: LatencyHistogram, bytes: UInt64, requests: UInt64
  ) -> LiveSnapshot.Flow {
    LiveSnapshot.Flow(
      bytesPerSecond: bytes, requestsPerSecond: requests, median: latency.quantile(0.5),
      slowest: latency.quantile(0.99), bytes: counts.bytes, requests: counts.requests)
  }

  private static func addRows(
    to snapshot: inout LiveSnapshot, _ query: LiveQuery, _ state: inout State, _ rows: LiveRows
  ) {
    switch query.table {
    case .files:
      let all = rows.files()
      snapshot.rowCount = all.count
      snapshot.rows = LiveRows.first(query, of: all) { name(of: $0, rows.table) }
    case .directories:
      let all = rows.directories(directories(&state))
      snapshot.rowCount = all.count
      snapshot.rows = LiveRows.first(query, of: all) { escaped($0.device, $0.path) }
    case .devices:
      let all = rows.devices()
      snapshot.rowCount = all.count
      snapshot.rows = LiveRows.first(query, of: all) { escaped($0, nil) }
    case .kinds:
      let all = rows.kinds()
      snapshot.rowCount = all.count
      snapshot.rows = LiveRows.first(query, of: all) { Array($0.word.utf8) }
    }
  }

  /// The totals of all directories, at most a second old unless they take much time.
  private static func directories(_ state: inout State) -> DirectoryFigures {
    let now = MonotonicTime.now().nanoseconds
    if let known = state.directories, now &- known.time < max(500_000_000, 10 * known.cost) { return known.figures }
    let figures = DirectoryFigures(state.totals.figures, state.parser.objects)
    let end = MonotonicTime.now().nanoseconds
    state.directories = (figures, end, end &- now)
    return figures
  }

  private static func escaped(_ device: [UInt8], _ path: [UInt8]?) -> [UInt8] {
    var name: [UInt8] = []
    Escaping.append(device, as: .device, to: &name)
    guard let path else { return name }
    name.append(0x20)
    Escaping.append(path, as: .path, to: &name)
    return name
  }

  /// The kind, the device and the path, as in the text log.
  private static func name(of id: ObjectID, _ table: ObjectTable) -> [UInt8] {
    var name = [table.kind(of: id).rawValue, 0x20]
    table.appendEscapedName(of: id, to: &name)
    return name
  }
}
