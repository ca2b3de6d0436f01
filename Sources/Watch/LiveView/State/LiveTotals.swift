import AccessFigures
import AccessLog
import BlockMap
import LogReading

/// What was added up of a log so far.
struct LiveTotals {
  private(set) var figures = AccessFigures()
  private(set) var recent = RecentAccesses()
  private(set) var latency = RecentLatency()
  /// The last object that was read, and the last that was written.
  private(set) var lastRead: ObjectID?
  private(set) var lastWritten: ObjectID?
  /// The time of the last request on the log's clock, and when it was read here; both in nanoseconds.
  private var lastTime: UInt64 = 0
  private var lastArrival: UInt64 = 0
  private let began = MonotonicTime.now().nanoseconds

  mutating func add(_ request: borrowing LoggedRequest, _ table: borrowing ObjectTable, arrival: UInt64) {
    let time = request.time ?? arrival
    (lastTime, lastArrival) = (time, arrival)
    latency.note(figures, at: time)
    figures.add(request, table)
    let isRead: Bool
    switch request.operation {
    case .read: isRead = true
    case .write, .zero, .trim: isRead = false
    case .flush, .cache: return
    }
    recent.add(Self.rate(request.range, isRead: isRead), at: time)
    for piece in request.pieces {
      guard let object = request.named(of: piece).first?.object else { continue }
      recent.add(Self.rate(piece.range, isRead: isRead), to: object, at: time)
      if isRead { lastRead = object } else { lastWritten = object }
    }
  }

  private static func rate(_ range: Range<UInt64>, isRead: Bool) -> RecentAccesses.Rate {
    let bytes = range.upperBound - range.lowerBound
    return isRead
      ? RecentAccesses.Rate(readBytes: bytes, reads: 1) : RecentAccesses.Rate(writtenBytes: bytes, writes: 1)
  }

  /// The time on the log's clock, if it went on since the last request.
  func now(at arrival: UInt64) -> UInt64 { lastTime &+ (arrival &- lastArrival) }

  /// How long the log has lasted, in nanoseconds.
  func elapsed(at arrival: UInt64) -> UInt64 {
    guard figures.hasTimes, let first = figures.first, let last = figures.last else { return arrival &- began }
    return max(last - first, now(at: arrival) > first ? now(at: arrival) - first : 0)
  }
}
