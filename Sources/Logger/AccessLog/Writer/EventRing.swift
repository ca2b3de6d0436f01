import Synchronization

/// A lock-free ring of events that many threads fill and one thread empties, after Dmitry Vyukov's bounded queue.
///
/// Each slot has a turn: the number of the event that may be put there, plus one once the event is there. A thread
/// takes the next number if it matches the turn of its slot. If the slot still holds an event, the ring is full.
final class EventRing: Sendable {
  let capacity: Int
  private let mask: UInt64
  // Each slot belongs to the thread whose turn it is.
  nonisolated(unsafe) private let events: UnsafeMutablePointer<AccessEvent>
  nonisolated(unsafe) private let turns: UnsafeMutablePointer<Atomic<UInt64>>
  /// The number of the next event to be put.
  private let next = Atomic<UInt64>(0)
  /// The number of the next event to be taken.
  private let first = Atomic<UInt64>(0)

  /// - Parameter capacity: the minimum number of events that the ring holds.
  init(capacity: Int) {
    // With a single slot, the turn of the next event would equal the turn that says that this event is there.
    var size = 2
    while size < capacity { size *= 2 }
    self.capacity = size
    mask = UInt64(size - 1)
    events = .allocate(capacity: size)
    turns = .allocate(capacity: size)
    for index in 0..<size { (turns + index).initialize(to: Atomic(UInt64(index))) }
  }

  deinit {
    turns.deinitialize(count: capacity)
    turns.deallocate()
    events.deallocate()
  }

  /// How many events have been taken.
  var taken: UInt64 { first.load(ordering: .relaxed) }

  /// How many events are in the ring or have been given a number.
  var count: UInt64 { next.load(ordering: .sequentiallyConsistent) &- taken }

  var isFull: Bool { count >= UInt64(capacity) }

  /// Adds an event.
  /// - Returns: how many events have been put so far, or nil if the ring is full.
  func put(_ event: AccessEvent) -> UInt64? {
    var number = next.load(ordering: .relaxed)
    while true {
      let index = Int(truncatingIfNeeded: number & mask)
      let turn = turns[index].load(ordering: .acquiring)
      if turn == number {
        let mine = next.weakCompareExchange(expected: number, desired: number &+ 1, ordering: .sequentiallyConsistent)
        guard mine.exchanged else {
          number = mine.original
          continue
        }
        (events + index).initialize(to: event)
        turns[index].store(number &+ 1, ordering: .releasing)
        return number &+ 1
      }
      if Int64(bitPattern: turn &- number) < 0 { return nil }
      number = next.load(ordering: .relaxed)
    }
  }

  /// Appends the events in the ring to `batch`, in order. Only one thread may call this.
  /// - Returns: false if there are none.
  func take(into batch: inout [AccessEvent]) -> Bool {
    let before = batch.count
    var number = first.load(ordering: .relaxed)
    while batch.count - before < capacity {
      let index = Int(truncatingIfNeeded: number & mask)
      guard turns[index].load(ordering: .acquiring) == number &+ 1 else { break }
      batch.append((events + index).move())
      turns[index].store(number &+ UInt64(capacity), ordering: .releasing)
      number &+= 1
    }
    // Threads that wait for room read this.
    first.store(number, ordering: .sequentiallyConsistent)
    return batch.count > before
  }
}
