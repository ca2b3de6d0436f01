/// Files to be read as proof that they are where the filesystem says: the largest, those in the most pieces, some with
/// holes and some of all.
struct Sample {
  struct Candidate {
    var object: UInt64
    var parent: UInt64
    var name: [UInt8]
    /// From the root of the filesystem.
    var path: [UInt8]
    var size: UInt64
    var pieces: UInt64
    var hasHoles: Bool
  }

  private let quota: Int
  private var largest: [Candidate] = []
  private var mostPieces: [Candidate] = []
  private var sparse = Reservoir()
  private var any: Reservoir

  /// So many chosen from all that were seen, each with the same chance.
  private struct Reservoir {
    var kept: [Candidate] = []
    private var seen: UInt64 = 0
    private var state: UInt64 = 0x6d61_7076_6972_7462

    mutating func add(_ candidate: Candidate, quota: Int) {
      seen += 1
      if kept.count < quota {
        kept.append(candidate)
        return
      }
      guard quota > 0 else { return }
      // The same files in each run, so that what a run found can be looked at again.
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let place = (state >> 33) % seen
      if place < UInt64(quota) { kept[Int(place)] = candidate }
    }
  }

  /// - Parameter count: of files, in all.
  init(count: Int) {
    quota = (count + 3) / 4
    any = Reservoir()
    limit = count
  }

  private let limit: Int

  mutating func add(_ candidate: Candidate) {
    guard quota > 0 else { return }
    Self.keep(candidate, in: &largest, quota: quota) { $0.size }
    if candidate.pieces > 1 { Self.keep(candidate, in: &mostPieces, quota: quota) { $0.pieces } }
    if candidate.hasHoles { sparse.add(candidate, quota: quota) }
    any.add(candidate, quota: quota)
  }

  /// Keeps the candidates with the highest rank, in order.
  private static func keep(
    _ candidate: Candidate, in kept: inout [Candidate], quota: Int, by rank: (Candidate) -> UInt64
  ) {
    if kept.count >= quota, let last = kept.last, rank(last) >= rank(candidate) { return }
    let place = kept.firstIndex { rank($0) < rank(candidate) } ?? kept.count
    kept.insert(candidate, at: place)
    if kept.count > quota { kept.removeLast() }
  }

  /// Each once.
  var files: [Candidate] {
    var seen: Set<UInt64> = []
    return Array(
      (mostPieces + sparse.kept + largest + any.kept).filter { seen.insert($0.object).inserted }.prefix(limit))
  }
}
