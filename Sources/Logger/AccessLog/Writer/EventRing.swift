import Synchronization

/// A ring of events that many threads fill and one empties, without a lock, after Dmitry Vyukov's bounded queue.
///
/// Each place has a turn: the number of the event that may be put there, then one more, when it is there. A thread takes
/// the next number if it is the turn of its place; if that place still holds an event, the ring is full.
final class EventRing: Sendable {
  let capacity: Int
  private let mask: UInt64
  // Each place belongs to the thread whose turn it is.
  nonisolated(unsafe) private let events: UnsafeMutablePointer<AccessEvent>
  nonisolated(unsafe) private let turns: UnsafeMutablePointer<Atomic<UInt64>>
  /// The number of the next event that is put.
  private let next = Atomic<UInt64>(0)
  /// The number of the next event that is taken.
  private let first = Atomic<UInt64>(0)

  /// - Parameter capacity: how many events it holds at least.
  init(capacity: Int) {
    // With one place alone a turn would be that of the next event and say that this one is there.
    var size = 2
    while size < capacity { size *= 2 }
    self.capacity = size
    mask = UInt64(size - 1)
    events = .allocate(capacity: size)
    turns = .allocate(capacity: size)
    for place in 0..<size { (turns + place).initialize(to: Atomic(UInt64(place))) }
  }

  deinit {
    turns.deinitialize(count: capacity)
    turns.deallocate()
    events.deallocate()
  }

  /// How many events were taken.
  var taken: UInt64 { first.load(ordering: .relaxed) }

  /// How many are there, or have their number.
  var count: UInt64 { next.load(ordering: .sequentiallyConsistent) &- taken }

  var isFull: Bool { count >= UInt64(capacity) }

  /// Adds an event.
  /// - Returns: how many were put so far; nil if the ring is full.
  func put(_ event: AccessEvent) -> UInt64? {
    var number = next.load(ordering: .relaxed)
    while true {
      let place = Int(truncatingIfNeeded: number & mask)
      let turn = turns[place].load(ordering: .acquiring)
      if turn == number {
        let mine = next.weakCompareExchange(expected: number, desired: number &+ 1, ordering: .sequentiallyConsistent)
        guard mine.exchanged else {
          number = mine.original
          continue
        }
        (events + place).initialize(to: event)
        turns[place].store(number &+ 1, ordering: .releasing)
        return number &+ 1
      }
      if Int64(bitPattern: turn &- number) < 0 { return nil }
      number = next.load(ordering: .relaxed)
    }
  }

  /// Appends the events that are there to `batch`, in their order. By one thread alone.
  /// - Returns: false if there is none.
  func take(into batch: inout [AccessEvent]) -> Bool {
    let before = batch.count
    var number = first.load(ordering: .relaxed)
    while batch.count - before < capacity {
      let place = Int(truncatingIfNeeded: number & mask)
      guard turns[place].load(ordering: .acquiring) == number &+ 1 else { break }
      batch.append((events + place).move())
      turns[place].store(number &+ UInt64(capacity), ordering: .releasing)
      number &+= 1
    }
    // For those who wait for room.
    first.store(number, ordering: .sequentiallyConsistent)
    return batch.count > before
  }
}
