import BlockMap

/// What was read and written in the last second of the log's clock, of each object and in total.
struct RecentAccesses {
  /// Of one second.
  struct Rate {
    var readBytes: UInt64 = 0
    var writtenBytes: UInt64 = 0
    var reads: UInt64 = 0
    var writes: UInt64 = 0

    var bytes: UInt64 { readBytes &+ writtenBytes }

    mutating func add(_ other: Rate) {
      readBytes &+= other.readBytes
      writtenBytes &+= other.writtenBytes
      reads &+= other.reads
      writes &+= other.writes
    }
  }

  private struct Slot {
    var number: UInt64
    var total = Rate()
    var objects: [UInt32: Rate] = [:]
  }

  /// Ten that together are one second, and the one that is being filled.
  private static let slotCount: UInt64 = 11
  /// In nanoseconds.
  private static let slotLength: UInt64 = 100_000_000

  private var slots: [Slot] = []
  private var newest: UInt64 = 0

  /// Adds a whole request.
  /// - Parameter time: in nanoseconds.
  mutating func add(_ rate: Rate, at time: UInt64) {
    if let slot = slot(at: time) { slots[slot].total.add(rate) }
  }

  /// Adds the part of a request that belongs to an object.
  mutating func add(_ rate: Rate, to object: ObjectID, at time: UInt64) {
    if let slot = slot(at: time) { slots[slot].objects[object.rawValue, default: Rate()].add(rate) }
  }

  /// The slot of a time; nil if it is a little too old.
  private mutating func slot(at time: UInt64) -> Int? {
    let number = time / Self.slotLength
    if slots.isEmpty || number + 2 * Self.slotCount < newest {
      // A clock that goes back, such as in the log of another boot, begins anew.
      newest = number
      slots = (0..<Self.slotCount).map { Slot(number: $0) }
    }
    guard number + Self.slotCount > newest else { return nil }
    newest = max(newest, number)
    let position = Int(number % Self.slotCount)
    if slots[position].number != number { slots[position] = Slot(number: number) }
    return position
  }

  /// The sums of the second before this time, and a little earlier: of the slots that are complete.
  func sums(at time: UInt64) -> (total: Rate, objects: [UInt32: Rate]) {
    let number = time / Self.slotLength
    var total = Rate()
    var objects: [UInt32: Rate] = [:]
    for slot in slots where slot.number < number && slot.number + Self.slotCount > number {
      total.add(slot.total)
      objects.merge(slot.objects) { old, new in
        var sum = old
        sum.add(new)
        return sum
      }
    }
    return (total, objects)
  }
}
