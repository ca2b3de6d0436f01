import AccessLog
import Glibc
import Screen
import Synchronization

/// Shows a log while it is read, on a terminal or as a line each second.
package final class LiveView: Sendable {
  private let log: LiveLog
  private let frame: Mutex<LiveLayout.Frame>
  private let isOver = Atomic(false)

  /// - Parameter title: what is watched.
  package init(_ log: LiveLog, title: [UInt8]) {
    self.log = log
    frame = Mutex(LiveLayout.Frame(title: title))
  }

  package func setStatus(_ status: String) { frame.withLock { $0.status = status } }

  package func setConsole(_ line: [UInt8]) { frame.withLock { $0.console = line } }

  /// Ends `show` or `printLines`.
  package func end() { isOver.store(true, ordering: .releasing) }

  private var hasEnded: Bool { isOver.load(ordering: .acquiring) }

  /// In milliseconds.
  private static let frameTime = 100

  /// Draws the screen ten times a second, until `end`.
  /// - Parameters:
  ///   - screen: the terminal.
  ///   - isUTF8: whether it shows more than ASCII.
  ///   - isStopped: whether to end.
  ///   - quit: called when `q` is pressed.
  package func show(on screen: borrowing Screen, isUTF8: Bool, isStopped: () -> Bool, quit: () -> Void) {
    var view = ViewState()
    var snapshot = log.snapshot(view.query) ?? LiveSnapshot()
    // Nanoseconds: when the snapshot was taken, and how long that took.
    var (taken, cost): (UInt64, UInt64) = (MonotonicTime.now().nanoseconds, 0)
    while !hasEnded, !isStopped() {
      let (rows, columns) = screen.size
      let layout = LiveLayout(rows: rows, columns: columns, isUTF8: isUTF8)
      let frame = frame.withLock { $0 }
      let page = layout.page(hasConsole: frame.console != nil)
      let query = view.query
      view.fit(page: page, rowCount: snapshot.rowCount)
      let now = MonotonicTime.now().nanoseconds
      // The log is not read meanwhile, so a snapshot of very many objects is not taken as often.
      if query != view.query || (!view.isPaused && now &- taken >= 10 * cost) {
        snapshot = log.snapshot(view.query) ?? snapshot
        taken = MonotonicTime.now().nanoseconds
        cost = taken &- now
      }
      screen.show(layout.lines(snapshot, view, frame), columns: columns)
      wait(screen, &view, &snapshot, page)
      if view.isOver {
        quit()
        view.isOver = false
      }
    }
  }

  /// Waits for keys until the next frame is due. What they change is shown at once.
  private func wait(
    _ screen: borrowing Screen, _ view: inout ViewState, _ snapshot: inout LiveSnapshot, _ page: Int
  ) {
    let before = view.query
    guard let key = screen.key(within: Self.frameTime) else { return }
    view.press(key, page: page)
    // Keys that are held down must not be drawn one by one.
    var more = 0
    while more < 64, let key = screen.key(within: 0) {
      view.press(key, page: page)
      more += 1
    }
    if view.query != before { snapshot = log.snapshot(view.query) ?? snapshot }
  }

  /// Passes a line on each second, until `end`.
  /// - Parameter isStopped: whether to end.
  package func printLines(isStopped: () -> Bool, _ print: ([UInt8]) -> Void) {
    var query = LiveQuery()
    query.limit = 0
    var next = ContinuousClock.now + .seconds(1)
    while !hasEnded, !isStopped() {
      usleep(50_000)
      guard ContinuousClock.now >= next else { continue }
      next += .seconds(1)
      if let snapshot = log.snapshot(query) { print(PlainLine.of(snapshot)) }
    }
  }
}
