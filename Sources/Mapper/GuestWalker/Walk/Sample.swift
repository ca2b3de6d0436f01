/// Files that are read to prove that they are where the filesystem says: the largest ones, those in the most pieces,
/// some with holes, and some of any kind.
struct Sample {
  /// What a file is chosen by.
  struct Traits {
    /// In bytes.
    var size: UInt64
    var pieces: UInt64
    var hasHoles: Bool
  }

  struct Candidate {
    var object: UInt64
    var parent: UInt64
    var name: [UInt8]
    /// From the root of the filesystem.
    var path: [UInt8]
    var traits: Traits
  }

  /// The parts of the sample that want a file. Most files are not wanted by any, and use no memory.
  struct Parts {
    fileprivate var isLarge: Bool
    fileprivate var isScattered: Bool
    fileprivate var sparse: Int?
    fileprivate var any: Int?
  }

  private let quota: Int
  private let limit: Int
  private var largest: [Candidate] = []
  private var scattered: [Candidate] = []
  private var sparse = Reservoir()
  private var any = Reservoir()

  /// A random sample of a fixed size, in which every file has the same chance.
  private struct Reservoir {
    var kept: [Candidate] = []
    private var seen: UInt64 = 0
    private var state: UInt64 = 0x6d61_7076_6972_7462

    /// The index at which to save the next candidate; nil to skip it.
    mutating func nextIndex(quota: Int) -> Int? {
      seen += 1
      guard kept.count >= quota else { return kept.count }
      // A fixed seed chooses the same files in each run, so that failures can be reproduced.
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let index = (state >> 33) % seen
      return index < UInt64(quota) ? Int(index) : nil
    }

    mutating func keep(_ candidate: Candidate, at index: Int) {
      if index < kept.count { kept[index] = candidate } else { kept.append(candidate) }
    }
  }

  /// - Parameter count: total number of files.
  init(count: Int) {
    quota = (count + 3) / 4
    limit = count
  }

  /// The parts that want a file; nil if none does. Must be called exactly once for each file.
  mutating func parts(for traits: Traits) -> Parts? {
    guard quota > 0 else { return nil }
    let parts = Parts(
      isLarge: hasRoom(largest, for: traits, by: { $0.size }),
      isScattered: traits.pieces > 1 && hasRoom(scattered, for: traits, by: { $0.pieces }),
      sparse: traits.hasHoles ? sparse.nextIndex(quota: quota) : nil, any: any.nextIndex(quota: quota))
    let isWanted = parts.isLarge || parts.isScattered || parts.sparse != nil || parts.any != nil
    return isWanted ? parts : nil
  }

  mutating func add(_ candidate: Candidate, to parts: Parts) {
    if parts.isLarge { Self.keep(candidate, in: &largest, quota: quota, by: { $0.size }) }
    if parts.isScattered { Self.keep(candidate, in: &scattered, quota: quota, by: { $0.pieces }) }
    if let index = parts.sparse { sparse.keep(candidate, at: index) }
    if let index = parts.any { any.keep(candidate, at: index) }
  }

  private func hasRoom(_ kept: [Candidate], for traits: Traits, by rank: (Traits) -> UInt64) -> Bool {
    guard kept.count >= quota, let last = kept.last else { return true }
    return rank(last.traits) < rank(traits)
  }

  /// Keeps the candidates with the highest rank, in descending order.
  private static func keep(
    _ candidate: Candidate, in kept: inout [Candidate], quota: Int, by rank: (Traits) -> UInt64
  ) {
    let index = kept.firstIndex { rank($0.traits) < rank(candidate.traits) } ?? kept.count
    kept.insert(candidate, at: index)
    if kept.count > quota { kept.removeLast() }
  }

  /// Each file once.
  var files: [Candidate] {
    var seen: Set<UInt64> = []
    return Array(
      (scattered + sparse.kept + largest + any.kept).filter { seen.insert($0.object).inserted }.prefix(limit))
  }
}
