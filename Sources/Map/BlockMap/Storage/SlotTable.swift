/// The slots of a hash table with open addressing. Each contains 32 bits of a key's hash and the key's number. The keys
/// themselves are stored elsewhere.
struct SlotTable: Sendable {
  private var slots: [UInt64]
  private var mask: Int
  private(set) var count = 0

  private static let empty = UInt64.max

  init() {
    slots = [UInt64](repeating: Self.empty, count: 16)
    mask = 15
  }

  /// The number of the key with this hash for which `isEqual` returns true.
  @inline(__always)
  func find(_ hash: UInt32, isEqual: (UInt32) -> Bool) -> UInt32? {
    slots.withUnsafeBufferPointer { slots in
      var index = Int(hash) & mask
      while true {
        let slot = slots[index]
        if slot == Self.empty { return nil }
        let number = UInt32(truncatingIfNeeded: slot)
        if UInt32(truncatingIfNeeded: slot >> 32) == hash && isEqual(number) { return number }
        index = (index &+ 1) & mask
      }
    }
  }

  /// Adds a key that `find` does not find. `number` must be below `UInt32.max`, which marks an empty slot.
  @inline(__always)
  mutating func insert(_ hash: UInt32, number: UInt32) {
    if count &* 2 >= slots.count { grow() }
    Self.put(UInt64(hash) << 32 | UInt64(number), in: &slots, mask: mask)
    count &+= 1
  }

  @inline(__always)
  private static func put(_ slot: UInt64, in slots: inout [UInt64], mask: Int) {
    var index = Int(slot >> 32) & mask
    while slots[index] != empty { index = (index &+ 1) & mask }
    slots[index] = slot
  }

  private mutating func grow() {
    var larger = [UInt64](repeating: Self.empty, count: slots.count * 4)
    let newMask = larger.count - 1
    for slot in slots where slot != Self.empty { Self.put(slot, in: &larger, mask: newMask) }
    slots = larger
    mask = newMask
  }
}
