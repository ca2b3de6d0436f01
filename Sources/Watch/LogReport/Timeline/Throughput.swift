import AccessLog
import Bytes

/// Bytes read and written over time, in at most 4,096 steps of equal width, which double when there would be more.
package struct Throughput: Sendable {
  private static let maximumSteps: UInt64 = 4096

  /// The width of a step as a power of two, in units of `AccessFigures.Moment`.
  private var widthBits: UInt64 = 0
  /// The number of the first step, counted from the moment 0.
  private var firstStep: UInt64 = 0
  package private(set) var reads: [UInt64] = []
  package private(set) var writes: [UInt64] = []

  package init() {}

  /// The width of a step, in units of `AccessFigures.Moment`.
  package var width: UInt64 { 1 << widthBits }

  /// The moment at which a step begins.
  package func begin(of step: Int) -> UInt64 { (firstStep &+ UInt64(step)) << widthBits }

  mutating func add(_ bytes: UInt64, _ operation: Operation, at moment: UInt64) {
    if reads.isEmpty {
      firstStep = moment >> widthBits
      append(1)
    }
    // At most 63 times: there are only two steps then.
    while max(moment >> widthBits, lastStep) - min(moment >> widthBits, firstStep) >= Self.maximumSteps { join() }
    let step = moment >> widthBits
    if step < firstStep {
      let zeros = [UInt64](repeating: 0, count: Int(firstStep - step))
      reads.insert(contentsOf: zeros, at: 0)
      writes.insert(contentsOf: zeros, at: 0)
      firstStep = step
    } else if step > lastStep {
      append(Int(step - lastStep))
    }
    let index = Int(step - firstStep)
    switch operation {
    case .read: reads[index] = reads[index].addingSaturated(bytes)
    case .write: writes[index] = writes[index].addingSaturated(bytes)
    // No bytes are transferred, and a trim of all free space would dwarf everything else.
    case .zero, .trim, .flush, .cache: break
    }
  }

  private var lastStep: UInt64 { firstStep &+ UInt64(reads.count) &- 1 }

  private mutating func append(_ count: Int) {
    reads += repeatElement(0, count: count)
    writes += repeatElement(0, count: count)
  }

  /// Makes one step of each two. Steps are counted from the moment 0, so that the same two are always joined.
  private mutating func join() {
    let isOdd = firstStep & 1 == 1
    reads = Self.joined(reads, isOdd: isOdd)
    writes = Self.joined(writes, isOdd: isOdd)
    firstStep >>= 1
    widthBits += 1
  }

  private static func joined(_ steps: [UInt64], isOdd: Bool) -> [UInt64] {
    var joined: [UInt64] = []
    for (index, bytes) in steps.enumerated() {
      if index == 0 || (index % 2 == 0) != isOdd {
        joined.append(bytes)
      } else {
        joined[joined.count - 1] = joined[joined.count - 1].addingSaturated(bytes)
      }
    }
    return joined
  }
}
