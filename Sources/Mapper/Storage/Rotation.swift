/// Where RAID 4, 5 and 6 put a stripe's parity and its data, as md(4) and the kernel's dm-raid documentation name it.
enum Rotation: Equatable {
  /// The parity moves from the last device down to the first; the data begin on the first.
  case leftAsymmetric(parities: Int)
  /// The parity moves from the first device up; the data begin on the first.
  case rightAsymmetric(parities: Int)
  /// The parity moves down; the data begin behind it.
  case leftSymmetric(parities: Int)
  /// The parity moves up; the data begin behind it.
  case rightSymmetric(parities: Int)
  /// The parity stays on the first device, or on the first two.
  case first(parities: Int)
  /// The parity stays on the last device, or on the last two: RAID 4.
  case last(parities: Int)

  var parities: Int {
    switch self {
    case .leftAsymmetric(let parities), .rightAsymmetric(let parities), .leftSymmetric(let parities),
      .rightSymmetric(let parities), .first(let parities), .last(let parities):
      parities
    }
  }

  /// md's number for the layout.
  init?(number: Int, parities: Int) {
    switch number {
    case 0: self = .leftAsymmetric(parities: parities)
    case 1: self = .rightAsymmetric(parities: parities)
    case 2: self = .leftSymmetric(parities: parities)
    case 3: self = .rightSymmetric(parities: parities)
    case 4: self = .first(parities: parities)
    case 5: self = .last(parities: parities)
    default: return nil
    }
  }

  /// The devices that hold a stripe's parity, the first one's before the second's.
  func parity(stripe: UInt64, legs: Int) -> [Int] {
    let turn = Int(stripe % UInt64(legs))
    let start: Int
    switch self {
    case .leftAsymmetric, .leftSymmetric: start = legs - 1 - turn
    case .rightAsymmetric, .rightSymmetric: start = turn
    case .first: start = 0
    case .last: start = legs - parities
    }
    return (0..<parities).map { (start + $0) % legs }
  }

  /// The device that holds a stripe's data chunk `index`.
  func data(_ index: Int, stripe: UInt64, legs: Int) -> Int {
    let parity = parity(stripe: stripe, legs: legs)
    switch self {
    case .leftSymmetric, .rightSymmetric: return ((parity.last ?? 0) + 1 + index) % legs
    case .leftAsymmetric, .rightAsymmetric, .first, .last:
      // The devices without parity, in order.
      var leg = index
      for taken in parity.sorted() where taken <= leg { leg += 1 }
      return leg
    }
  }
}
