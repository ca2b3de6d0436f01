import Glibc

/// A bounded queue from any number of threads to one. A full queue waits; nothing is dropped.
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

  private let capacity: Int
  // POSIX wants these at one address for all their life. They are set once, here, and used by its functions.
  nonisolated(unsafe) private let lock: UnsafeMutablePointer<pthread_mutex_t>
  nonisolated(unsafe) private let notEmpty: UnsafeMutablePointer<pthread_cond_t>
  nonisolated(unsafe) private let notFull: UnsafeMutablePointer<pthread_cond_t>
  // Used only with the lock held.
  nonisolated(unsafe) private var events: [AccessEvent] = []
  nonisolated(unsafe) private var isClosed = false
  nonisolated(unsafe) private var isTakerWaiting = false

  init(capacity: Int) {
    self.capacity = max(1, capacity)
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
    events.reserveCapacity(self.capacity)
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
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    while events.count >= capacity, !isClosed { pthread_cond_wait(notFull, lock) }
    guard !isClosed else { return false }
    events.append(event)
    if isTakerWaiting {
      isTakerWaiting = false
      pthread_cond_signal(notEmpty)
    }
    return true
  }

  /// Exchanges `batch`, which must be empty, for what is in the queue; waits for it for `milliseconds`, or
  /// without end.
  func take(into batch: inout [AccessEvent], milliseconds: Int?) -> Outcome {
    let deadline = milliseconds.map(Self.deadline)
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    while events.isEmpty {
      if isClosed { return .closed }
      isTakerWaiting = true
      if var deadline {
        if pthread_cond_timedwait(notEmpty, lock, &deadline) == ETIMEDOUT, events.isEmpty, !isClosed {
          isTakerWaiting = false
          return .idle
        }
      } else {
        pthread_cond_wait(notEmpty, lock)
      }
      isTakerWaiting = false
    }
    let wasFull = events.count >= capacity
    swap(&events, &batch)
    if wasFull { pthread_cond_broadcast(notFull) }
    return .events
  }

  /// Takes no more events; those that are there can still be taken. False: it was closed before.
  func close() -> Bool {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    guard !isClosed else { return false }
    isClosed = true
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
