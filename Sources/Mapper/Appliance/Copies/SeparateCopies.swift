import BlockMap

/// Disks that are copies of each other.
extension Guest {
  /// Throws `CopiesFound` if the appliance sees copies of the same disk, after reporting which disks they are.
  package func separateCopies() throws {
    guard !set.isSeparated, set.disks.count > 1 else { return }
    let known = try appliance.longShell(MemberSearch.script)
    var found = MemberSearch.members(parsing: String(decoding: known, as: UTF8.self), disks: set.disks)
    guard Self.hasCopies(found) else { return }
    let details = try appliance.longShell(MemberSearch.detailScript(found))
    MemberSearch.complete(&found, parsing: String(decoding: details, as: UTF8.self))
    let grouping = DiskGrouping(disks: set.disks, members: found.map(\.member))
    guard grouping.sets.count > 1 else { return }
    for (copy, original) in grouping.copies {
      reporter.message(
        "\(shown(DiskName.of(copy.disk))) is a copy of \(shown(DiskName.of(original.disk))): \(shown(copy.name)) and "
          + "\(shown(original.name)) are the same, \(copy.identity.kind.description)")
    }
    for (index, disks) in grouping.sets.enumerated() {
      reporter.message(
        "\(index == 0 ? "first" : "then") \(names(of: disks)), by \(disks.count > 1 ? "themselves" : "itself")")
    }
    throw CopiesFound(
      sets: grouping.sets.enumerated().map { index, disks in
        DiskSet(disks: disks, number: index + 1, doubts: grouping.doubts.filter { disks.contains($0.one) })
      })
  }

  /// Warns about disks that are mapped together although they may belong to different copies.
  package mutating func warnOfDoubts() {
    for doubt in set.doubts {
      incomplete += 1
      reporter.warning(
        "\(shown(DiskName.of(doubt.one))) and \(shown(DiskName.of(doubt.other))) are mapped together, but were not last "
          + "used together; give the disks of one copy after those of the other")
    }
  }

  private static func hasCopies(_ found: [MemberSearch.Found]) -> Bool {
    var disks: [DiskMember.Identity: Int] = [:]
    return found.contains { found in
      let other = disks.updateValue(found.member.disk, forKey: found.member.identity)
      return other != nil && other != found.member.disk
    }
  }

  private func names(of disks: [Int]) -> String {
    disks.map { shown(DiskName.of($0)) }.joined(separator: ", ")
  }
}
