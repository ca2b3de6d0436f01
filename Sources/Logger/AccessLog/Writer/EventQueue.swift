import Glibc
import Synchronization

/// A bounded queue from any number of threads to one. When it is full, `put` waits; nothing is dropped.
///
/// Events are in the order in which `put` took a number for them. `put` takes no lock: a thread that holds a lock can
/// lose its processor, and all other threads of the server would wait for it. It also wakes the taker rarely, because
/// waking would cost the putting threads more than everything else here: it does so for the first event after a pause,
/// and when many events have come.
///
/// Create the queue after the last fork: its lock and conditions do not survive one.
final class EventQueue: Sendable {
  /// The result of `take`.
  enum Outcome {
    case events
    /// The timeout expired and nothing came.
    case idle
    /// The queue is closed, and everything has been taken.
    case closed
  }

  /// The number of events that is worth taking at once.
  private let many: UInt64
  private let ring: EventRing
  /// The taker is woken when this many events, counted from the very first, have been put.
  private let wakeAt = Atomic<UInt64>(.max)
  /// How many threads wait for room.
  private let waiting = Atomic<Int>(0)
  private let isClosed = Atomic<Bool>(false)
  // POSIX requires these to stay at one address. They are set only here, and used only by POSIX functions.
  nonisolated(unsafe) private let lock: UnsafeMutablePointer<pthread_mutex_t>
  nonisolated(unsafe) private let notEmpty: UnsafeMutablePointer<pthread_cond_t>
  nonisolated(unsafe) private let notFull: UnsafeMutablePointer<pthread_cond_t>

  /// - Parameter capacity: the minimum number of events that the queue holds.
  init(capacity: Int) {
    ring = EventRing(capacity: capacity)
    many = UInt64(max(1, ring.capacity / 4))
    lock = .allocate(capacity: 1)
    notEmpty = .allocate(capacity: 1)
    notFull = .allocate(capacity: 1)
    pthread_mutex_init(lock, nil)
    // This clock is never set, so a timed wait ends when it should.
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(notEmpty, &attributes)
    pthread_cond_init(notFull, &attributes)
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    pthread_cond_destroy(notFull)
    pthread_cond_destroy(notEmpty)
    pthread_mutex_destroy(lock)
    notFull.deallocate()
    notEmpty.deallocate()
    lock.deallocate()
  }

  /// Adds an event, after waiting for room. False if the queue is closed.
  func put(_ event: AccessEvent) -> Bool {
    while true {
      if isClosed.load(ordering: .relaxed) { return false }
      guard let count = ring.put(event) else {
        waitForRoom()
        continue
      }
      // The taker stores when to wake it and then counts the events. Here it is the other way around, so one of the two
      // sees the other's value.
      atomicMemoryFence(ordering: .sequentiallyConsistent)
      let wanted = wakeAt.load(ordering: .relaxed)
      if count >= wanted, wakeAt.compareExchange(expected: wanted, desired: .max, ordering: .relaxed).exchanged {
        pthread_mutex_lock(lock)
        pthread_cond_signal(notEmpty)
        pthread_mutex_unlock(lock)
      }
      return true
    }
  }

  private func waitForRoom() {
    pthread_mutex_lock(lock)
    waiting.add(1, ordering: .sequentiallyConsistent)
    while ring.isFull, !isClosed.load(ordering: .relaxed) { pthread_cond_wait(notFull, lock) }
    waiting.subtract(1, ordering: .relaxed)
    pthread_mutex_unlock(lock)
  }

  /// Appends the events in the queue to `batch`.
  /// - Parameters:
  ///   - milliseconds: how long to wait for the first event; nil to wait forever.
  ///   - gathering: after the first event, how many milliseconds to wait for many more.
  func take(into batch: inout [AccessEvent], milliseconds: Int?, gathering: Int) -> Outcome {
    guard wait(for: 1, until: milliseconds.map(Self.deadline)) else { return .idle }
    _ = wait(for: many, until: Self.deadline(milliseconds: gathering))
    while !ring.take(into: &batch) {
      if ring.count == 0 { return .closed }
      // A thread has taken its number, but was stopped before it put its event.
      usleep(100)
    }
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    if waiting.load(ordering: .relaxed) > 0 {
      pthread_mutex_lock(lock)
      pthread_cond_broadcast(notFull)
      pthread_mutex_unlock(lock)
    }
    return .events
  }

  /// Waits for this many events or for the queue to be closed. False if the timeout expired first.
  private func wait(for count: UInt64, until deadline: timespec?) -> Bool {
    if ring.count >= count { return true }
    pthread_mutex_lock(lock)
    defer {
      wakeAt.store(.max, ordering: .relaxed)
      pthread_mutex_unlock(lock)
    }
    while true {
      wakeAt.store(ring.taken &+ count, ordering: .sequentiallyConsistent)
      if ring.count >= count || isClosed.load(ordering: .relaxed) { return true }
      guard var deadline else {
        pthread_cond_wait(notEmpty, lock)
        continue
      }
      if pthread_cond_timedwait(notEmpty, lock, &deadline) == ETIMEDOUT { return ring.count >= count }
    }
  }

  /// Accepts no more events; those in the queue can still be taken. False if the queue was already closed.
  func close() -> Bool {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    guard !isClosed.exchange(true, ordering: .sequentiallyConsistent) else { return false }
    pthread_cond_broadcast(notEmpty)
    pthread_cond_broadcast(notFull)
    return true
  }

  private static func deadline(milliseconds: Int) -> timespec {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    let nanoseconds = time.tv_nsec + milliseconds % 1000 * 1_000_000
    time.tv_sec += milliseconds / 1000 + nanoseconds / 1_000_000_000
    time.tv_nsec = nanoseconds % 1_000_000_000
    return time
  }
}
