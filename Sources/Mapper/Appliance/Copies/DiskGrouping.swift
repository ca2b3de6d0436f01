/// Puts disks into sets in which nothing is there twice.
package struct DiskGrouping {
  /// The numbers of each set's disks, in order. With one set there are no copies.
  package let sets: [[Int]]
  /// Disks that were put together although what both are parts of is in two states.
  package struct Doubt: Equatable, Sendable {
    package var one: Int
    package var other: Int
  }

  package let doubts: [Doubt]
  /// For each disk that is a copy of an earlier one: a member, and the earlier disk's that is the same.
  package let copies: [(copy: DiskMember, original: DiskMember)]

  /// - Parameters:
  ///   - disks: their numbers, in the order given.
  ///   - members: of all of them.
  package init(disks: [Int], members: [DiskMember]) {
    let members = Dictionary(grouping: members, by: \.disk)
    let ordered = Self.place(disks, members) { disk, sets in
      sets.firstIndex { !Self.conflict(disk, $0, members) } ?? sets.count
    }
    guard ordered.count > 1 else {
      (sets, doubts, copies) = (ordered, [], [])
      return
    }
    // The order given is the user's word on what belongs together, unless the members say otherwise.
    let byState = Self.place(disks, members) { disk, sets in
      // A set of its own is better than one with members in another state, as long as there are not more than needed.
      let candidates =
        sets.indices.filter { !Self.conflict(disk, sets[$0], members) }
        + (sets.count < ordered.count ? [sets.count] : [])
      let scores = candidates.map { $0 < sets.count ? Self.likeness(disk, sets[$0], members) : 0 }
      guard let best = scores.max(), let place = scores.firstIndex(of: best) else { return sets.count }
      return candidates[place]
    }
    let (usual, fewer) = (Self.doubts(in: ordered, members), Self.doubts(in: byState, members))
    (sets, doubts) = fewer.count < usual.count ? (byState, fewer) : (ordered, usual)
    copies = Self.copies(disks, members)
  }

  private static func place(
    _ disks: [Int], _ members: [Int: [DiskMember]], _ choose: (Int, [[Int]]) -> Int
  ) -> [[Int]] {
    var sets: [[Int]] = []
    var rest: [Int] = []
    let count = Dictionary(
      members.values.flatMap { Set($0.map(\.identity)) }.map { ($0, 1) }, uniquingKeysWith: +)
    for disk in disks {
      // What is there once goes with what it belongs to, or else with the first set.
      guard members[disk, default: []].contains(where: { count[$0.identity, default: 0] > 1 }) else {
        rest.append(disk)
        continue
      }
      let set = choose(disk, sets)
      if set < sets.count { sets[set].append(disk) } else { sets.append([disk]) }
    }
    if sets.isEmpty { return [disks] }
    for disk in rest {
      let scores = sets.map { likeness(disk, $0, members) }
      sets[scores.firstIndex(of: scores.max() ?? 0) ?? 0].append(disk)
    }
    return sets.map { $0.sorted() }
  }

  private static func conflict(_ disk: Int, _ set: [Int], _ members: [Int: [DiskMember]]) -> Bool {
    let there = Set(set.flatMap { members[$0, default: []].map(\.identity) })
    return members[disk, default: []].contains { there.contains($0.identity) }
  }

  /// How many members of a set are in the state of a disk's, less those that are in another one.
  private static func likeness(_ disk: Int, _ set: [Int], _ members: [Int: [DiskMember]]) -> Int {
    set.reduce(0) { sum, other in
      sum + (compare(disk, other, members).map { $0 ? 1 : -1 } ?? 0)
    }
  }

  /// Whether the members of two disks are in the same state; nil if they have no whole in common, or no state.
  private static func compare(_ one: Int, _ other: Int, _ members: [Int: [DiskMember]]) -> Bool? {
    var isSame: Bool?
    for member in members[one, default: []] where !member.state.isEmpty {
      for partner in members[other, default: []]
      where partner.identity.kind == member.identity.kind && partner.whole == member.whole && !partner.state.isEmpty {
        isSame = (isSame ?? true) && partner.state == member.state
      }
    }
    return isSame
  }

  private static func doubts(in sets: [[Int]], _ members: [Int: [DiskMember]]) -> [Doubt] {
    sets.flatMap { set in
      set.enumerated().flatMap { index, one in
        set[(index + 1)...].filter { compare(one, $0, members) == false }.map { Doubt(one: one, other: $0) }
      }
    }
  }

  private static func copies(
    _ disks: [Int], _ members: [Int: [DiskMember]]
  ) -> [(copy: DiskMember, original: DiskMember)] {
    var first: [DiskMember.Identity: DiskMember] = [:]
    var result: [(copy: DiskMember, original: DiskMember)] = []
    for disk in disks {
      let own = members[disk, default: []]
      if let copy = own.first(where: { first[$0.identity] != nil }), let original = first[copy.identity] {
        result.append((copy, original))
      }
      for member in own where first[member.identity] == nil { first[member.identity] = member }
    }
    return result
  }
}
