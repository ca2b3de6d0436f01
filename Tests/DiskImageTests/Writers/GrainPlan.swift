import DiskImage
import Testing

/// The state of a grain.
enum GrainState { case data, zero, unallocated }

/// What is stored on a disk, grain by grain. The writers create images from it.
struct GrainPlan {
  /// In bytes, a multiple of 512.
  let size: UInt64
  /// In bytes.
  let grain: UInt64
  /// The allocated or zeroed grains, by index.
  var states: [UInt64: GrainState] = [:]
  var seed: UInt64 = 1

  var count: UInt64 { (size + grain - 1) / grain }
  var sectors: UInt64 { size / 512 }
  /// The indexes of these grains, in order.
  var indexes: [UInt64] { states.keys.sorted() }
  var stored: [UInt64] { indexes.filter { states[$0] == .data } }

  /// The bytes of a whole grain. Those of the last grain extend beyond the end of the disk, to detect readers that
  /// read them.
  func bytes(_ index: UInt64) -> [UInt8] { Content.stream(seed, from: index * grain, count: Int(grain)) }

  var content: Content {
    var content = Content()
    for index in indexes {
      content.append(index * grain - content.size, .hole)
      let length = min(grain, size - index * grain)
      switch states[index] {
      case .data: content.append(length, .data, seed: seed, streamOffset: index * grain)
      case .zero: content.append(length, .zero)
      case .unallocated, nil: content.append(length, .hole)
      }
    }
    content.append(size - content.size, .hole)
    return content
  }

  /// The plan of the grains from `first` on, as a separate disk of `size` bytes.
  func part(from first: UInt64, size: UInt64) -> GrainPlan {
    var part = GrainPlan(size: size, grain: grain, seed: seed &+ first &+ 1)
    for (index, state) in states where index >= first && (index - first) * grain < size {
      part.states[index - first] = state
    }
    return part
  }
}

/// How a disk is filled.
enum Pattern: CaseIterable, CustomTestStringConvertible {
  case empty, full, random, zeroed

  var testDescription: String { "\(self)" }

  /// - Parameters:
  ///   - table: number of grains per table. Grains around table boundaries are allocated, and a few random ones.
  ///   - zeros: whether the format can mark grains as zeros.
  func plan(size: UInt64, grain: UInt64, table: UInt64, zeros: Bool, seed: UInt64 = 1) -> GrainPlan {
    var plan = GrainPlan(size: size, grain: grain, seed: seed &+ size)
    guard self != .empty else { return plan }
    var random = Seeded(size &+ seed)
    var indexes: Set<UInt64> = []
    let count = plan.count
    if count <= 40 {
      indexes = Set(0..<count)
    } else {
      let lastTable = (count - 1) / table * table
      for center in [0, table, lastTable, count - 1, count / 2] {
        for index in (max(center, 2) - 2)...(center + 2) where index < count { indexes.insert(index) }
      }
      for _ in 0..<10 { indexes.insert(UInt64.random(in: 0..<count, using: &random)) }
    }
    for index in indexes.sorted() {
      switch self {
      case .empty: break
      case .full: plan.states[index] = .data
      case .zeroed: plan.states[index] = zeros ? (index % 7 == 3 ? .data : .zero) : .unallocated
      case .random:
        let choices: [GrainState] = zeros ? [.data, .data, .zero, .unallocated] : [.data, .data, .unallocated]
        plan.states[index] = choices.randomElement(using: &random)
      }
    }
    plan.states = plan.states.filter { $0.value != .unallocated }
    return plan
  }
}
