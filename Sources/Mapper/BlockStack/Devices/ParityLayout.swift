/// Where RAID 4, 5 and 6 put a stripe's parity and data, named as in md(4) and the kernel's dm-raid documentation.
package enum ParityLayout: Equatable, Sendable {
  /// The parity moves from the last device down to the first; the data starts on the first device.
  case leftAsymmetric(parities: Int)
  /// The parity moves from the first device up; the data starts on the first device.
  case rightAsymmetric(parities: Int)
  /// The parity moves down; the data starts after it.
  case leftSymmetric(parities: Int)
  /// The parity moves up; the data starts after it.
  case rightSymmetric(parities: Int)
  /// The parity stays on the first device, or on the first two.
  case first(parities: Int)
  /// The parity stays on the last device, or on the last two. This is RAID 4.
  case last(parities: Int)
  /// Two parities move down, starting on the last two devices; the data starts on the first device.
  case restartingDown
  /// The parity moves down, with the second parity before the first; the data starts after the first.
  case continuingDown
  /// The parity moves up, at first ending on the last device; the data starts after it. Btrfs uses this.
  case upFromLast(parities: Int)
  /// The same on all devices but the last, which holds the second parity: a step in the conversion from RAID 5 to 6.
  indirect case besideLast(ParityLayout)

  package var parities: Int {
    switch self {
    case .leftAsymmetric(let parities), .rightAsymmetric(let parities), .leftSymmetric(let parities),
      .rightSymmetric(let parities), .first(let parities), .last(let parities), .upFromLast(let parities):
      parities
    case .restartingDown, .continuingDown: 2
    case .besideLast(let others): others.parities + 1
    }
  }

  /// Takes md's number of the layout; nil if it is not supported.
  package init?(number: Int, parities: Int) {
    switch number {
    case 0: self = .leftAsymmetric(parities: parities)
    case 1: self = .rightAsymmetric(parities: parities)
    case 2: self = .leftSymmetric(parities: parities)
    case 3: self = .rightSymmetric(parities: parities)
    case 4: self = .first(parities: parities)
    case 5: self = .last(parities: parities)
    // ddf-zero-restart differs only in how the second parity is computed.
    case 8 where parities == 2: self = .rightAsymmetric(parities: 2)
    case 9 where parities == 2: self = .restartingDown
    case 10 where parities == 2: self = .continuingDown
    case 16 where parities == 2: self = .besideLast(.leftAsymmetric(parities: 1))
    case 17 where parities == 2: self = .besideLast(.rightAsymmetric(parities: 1))
    case 18 where parities == 2: self = .besideLast(.leftSymmetric(parities: 1))
    case 19 where parities == 2: self = .besideLast(.rightSymmetric(parities: 1))
    case 20 where parities == 2: self = .besideLast(.first(parities: 1))
    default: return nil
    }
  }

  /// The devices that hold a stripe's parity: the first parity's, then the second's.
  /// - Parameter legs: number of devices, more than `parities`.
  package func parity(stripe: UInt64, legs: Int) -> [Int] {
    let turn = Int(stripe % UInt64(legs))
    let start: Int
    switch self {
    case .leftAsymmetric, .leftSymmetric: start = legs - 1 - turn
    case .rightAsymmetric, .rightSymmetric: start = turn
    case .first: start = 0
    case .last: start = legs - parities
    case .restartingDown: start = 2 * legs - 2 - turn
    case .continuingDown: return [legs - 1 - turn, (2 * legs - 2 - turn) % legs]
    case .upFromLast: start = turn + legs - parities
    case .besideLast(let others): return others.parity(stripe: stripe, legs: legs - 1) + [legs - 1]
    }
    return (0..<parities).map { (start + $0) % legs }
  }

  /// The device that holds a stripe's data chunk `index`.
  package func data(_ index: Int, stripe: UInt64, legs: Int) -> Int {
    let parity = parity(stripe: stripe, legs: legs)
    switch self {
    case .leftSymmetric, .rightSymmetric, .upFromLast: return ((parity.last ?? 0) + 1 + index) % legs
    case .continuingDown: return (parity[0] + 1 + index) % legs
    case .besideLast(let others): return others.data(index, stripe: stripe, legs: legs - 1)
    case .leftAsymmetric, .rightAsymmetric, .first, .last, .restartingDown:
      // Count only the devices without parity.
      var leg = index
      for taken in parity.sorted() where taken <= leg { leg += 1 }
      return leg
    }
  }
}
