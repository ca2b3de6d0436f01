/// Divides disks into sets in which nothing occurs twice.
///
/// Copies of a disk have the same UUIDs, so they must not be in the appliance at the same time. But a guest can
/// have several disks, and then it must be decided which copy of one disk belongs with which copy of another.
///
/// Two assignments are tried. The first follows the order in which the disks are given: each disk goes into the
/// first set that has no copy of it. The second compares state: members of one array, volume group or filesystem
/// count up a number or a time together, so disks with equal state belong together. The second is used only if it
/// leaves fewer pairs with different state. Such pairs are reported as doubts.
///
/// No set contains two disks with the same member, and every disk is in exactly one set.
package struct DiskGrouping {
  /// The numbers of each set's disks, in order. A single set means that there are no copies.
  package let sets: [[Int]]
  /// Two disks that are in one set although the members that they share a whole with are in different states.
  package struct Doubt: Equatable, Sendable {
    package var one: Int
    package var other: Int
  }

  package let doubts: [Doubt]
  /// For each disk that is a copy of an earlier one: one of its members, and the same member on the earlier disk.
  package let copies: [(copy: DiskMember, original: DiskMember)]

  /// - Parameters:
  ///   - disks: the disk numbers, in the order given.
  ///   - members: the members on all disks.
  package init(disks: [Int], members: [DiskMember]) {
    let members = Dictionary(grouping: members, by: \.disk)
    let ordered = Self.group(disks, members) { disk, sets in
      sets.firstIndex { !Self.conflict(disk, $0, members) } ?? sets.count
    }
    guard ordered.count > 1 else {
      (sets, doubts, copies) = (ordered, [], [])
      return
    }
    // The order of the disks is the user's choice of what belongs together, unless the members contradict it.
    let byState = Self.group(disks, members) { disk, sets in
      // A new set is better than one whose members are in another state, as long as this does not make more sets
      // than needed.
      let candidates =
        sets.indices.filter { !Self.conflict(disk, sets[$0], members) }
        + (sets.count < ordered.count ? [sets.count] : [])
      let scores = candidates.map { $0 < sets.count ? Self.likeness(disk, sets[$0], members) : 0 }
      guard let best = scores.max(), let index = scores.firstIndex(of: best) else { return sets.count }
      return candidates[index]
    }
    let (usual, fewer) = (Self.doubts(in: ordered, members), Self.doubts(in: byState, members))
    (sets, doubts) = fewer.count < usual.count ? (byState, fewer) : (ordered, usual)
    copies = Self.copies(disks, members)
  }

  private static func group(
    _ disks: [Int], _ members: [Int: [DiskMember]], _ choose: (Int, [[Int]]) -> Int
  ) -> [[Int]] {
    var sets: [[Int]] = []
    var rest: [Int] = []
    let count = Dictionary(
      members.values.flatMap { Set($0.map(\.identity)) }.map { ($0, 1) }, uniquingKeysWith: +)
    for disk in disks {
      // A disk without copies goes into the set that it matches best, otherwise into the first set.
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

  /// Returns the number of disks in a set whose state matches a disk's, minus the number of those whose state
  /// differs.
  private static func likeness(_ disk: Int, _ set: [Int], _ members: [Int: [DiskMember]]) -> Int {
    set.reduce(0) { sum, other in
      sum + (compare(disk, other, members).map { $0 ? 1 : -1 } ?? 0)
    }
  }

  /// Whether the members of two disks are in the same state. Nil if the disks have no whole in common, or the state
  /// is not known.
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
