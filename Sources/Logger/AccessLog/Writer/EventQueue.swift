import Glibc
import Synchronization

/// A bounded queue from any number of threads to one. A full queue waits; nothing is dropped.
///
/// Events are in the order in which `put` took a number for them. It takes no lock: the thread that holds one may have to
/// leave its processor to another, and all others of the server would wait for it. And it wakes the taker seldom, which
/// would cost those who put more than all else here: for the first event after a while without any, and when many have
/// come.
///
/// To be made after the last fork: its lock and its conditions do not survive one.
final class EventQueue: Sendable {
  /// What `take` came back with.
  enum Outcome {
    case events
    /// The time is over and nothing came.
    case idle
    /// Closed, and everything was taken.
    case closed
  }

  /// So many are worth being taken at once.
  private let many: UInt64
  private let ring: EventRing
  /// The number of events at which the taker is to be woken, counted from the first of all.
  private let wakeAt = Atomic<UInt64>(.max)
  /// How many threads wait for room.
  private let waiting = Atomic<Int>(0)
  private let isClosed = Atomic<Bool>(false)
  // POSIX wants these at one address for all their life. They are set once, here, and used by its functions.
  nonisolated(unsafe) private let lock: UnsafeMutablePointer<pthread_mutex_t>
  nonisolated(unsafe) private let notEmpty: UnsafeMutablePointer<pthread_cond_t>
  nonisolated(unsafe) private let notFull: UnsafeMutablePointer<pthread_cond_t>

  /// - Parameter capacity: how many events it holds at least.
  init(capacity: Int) {
    ring = EventRing(capacity: capacity)
    many = UInt64(max(1, ring.capacity / 4))
    lock = .allocate(capacity: 1)
    notEmpty = .allocate(capacity: 1)
    notFull = .allocate(capacity: 1)
    pthread_mutex_init(lock, nil)
    // A clock that nobody sets, so that a wait ends when it should.
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

  /// Adds an event, after waiting for room. False: the queue is closed.
  func put(_ event: AccessEvent) -> Bool {
    while true {
      if isClosed.load(ordering: .relaxed) { return false }
      guard let count = ring.put(event) else {
        waitForRoom()
        continue
      }
      // The taker says when it is to be woken and then looks how many there are; this is the other way around.
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

  /// Appends what is in the queue to `batch`.
  /// - Parameters:
  ///   - milliseconds: how long to wait for a first event; nil for without end.
  ///   - gathering: how many milliseconds, after there is one, to wait for many.
  func take(into batch: inout [AccessEvent], milliseconds: Int?, gathering: Int) -> Outcome {
    guard wait(for: 1, until: milliseconds.map(Self.deadline)) else { return .idle }
    _ = wait(for: many, until: Self.deadline(milliseconds: gathering))
    while !ring.take(into: &batch) {
      if ring.count == 0 { return .closed }
      // A thread has its number and was stopped before it put its event.
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

  /// Waits for so many events or the end; false if the time was over before.
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

  /// Takes no more events; those that are there can still be taken. False: it was closed before.
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
