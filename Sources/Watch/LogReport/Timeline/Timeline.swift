import AccessLog
import BlockMap

/// The accesses to the disks over time, at most 4,000,000 of them (128 MB).
///
/// When there would be more, those that would be drawn in nearly the same place are joined: time and disk are divided
/// into cells, and accesses in the same cell become one if their disk, operation and kind are the same. Cells grow
/// until half of the accesses are gone.
package struct Timeline: Sendable {
  private let maximum: Int
  private(set) var accesses: [Access] = []
  /// How many accesses there were.
  private(set) var seen = 0
  /// The size of a cell as powers of two; nil as long as nothing was joined.
  private var cell: (time: UInt64, position: UInt64)?

  package init() { self.init(maximum: 4_000_000) }

  init(maximum: Int) { self.maximum = max(2, maximum) }

  /// How many accesses are drawn, and how many there were.
  package var counts: (drawn: Int, seen: Int) { (accesses.count, seen) }

  mutating func add(_ access: Access) {
    seen += 1
    accesses.append(access)
    while accesses.count >= maximum { join() }
  }

  /// Sorts by disk and time. Call this after the last access.
  mutating func sort() {
    accesses.sort { a, b in a.disk != b.disk ? a.disk < b.disk : a.time < b.time }
  }

  private struct Cell: Hashable {
    var time: UInt64
    var position: UInt64
    var what: UInt32
  }

  private mutating func join() {
    var size = cell ?? firstCell()
    var joined = accesses
    while true {
      joined = Self.join(joined, size)
      // Larger cells end in a single one for each disk, operation and kind.
      guard joined.count > maximum / 2, size.time < 63 || size.position < 63 else { break }
      size = (min(63, size.time + 1), min(63, size.position + 1))
    }
    cell = size
    // Only a log with more kinds on more disks than there are gets here.
    if joined.count > maximum / 2 { joined.removeLast(joined.count - maximum / 2) }
    accesses = joined
    accesses.reserveCapacity(maximum)
  }

  /// Smaller than what a screen can show: a four-millionth of the time, and a four-thousandth of a disk.
  private func firstCell() -> (time: UInt64, position: UInt64) {
    let times = accesses.lazy.map(\.time)
    let span = (times.max() ?? 0) - (times.min() ?? 0)
    let highest = accesses.lazy.map(\.end).max() ?? 0
    return (Self.bits(span >> 22), Self.bits(highest >> 12))
  }

  private static func bits(_ number: UInt64) -> UInt64 { UInt64(64 - number.leadingZeroBitCount) }

  private static func join(_ accesses: [Access], _ size: (time: UInt64, position: UInt64)) -> [Access] {
    var numbers: [Cell: Int] = [:]
    var joined: [Access] = []
    for access in accesses {
      let what = UInt32(access.kind) << 16 | UInt32(access.disk) << 8 | UInt32(access.operation.rawValue)
      let cell = Cell(time: access.time >> size.time, position: access.start >> size.position, what: what)
      if let number = numbers[cell] {
        joined[number].join(access)
      } else {
        numbers[cell] = joined.count
        joined.append(access)
      }
    }
    return joined
  }
}
