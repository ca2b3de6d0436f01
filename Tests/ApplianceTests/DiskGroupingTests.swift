import TestSupport
import Testing

@testable import Appliance

/// Splits disks that are copies of each other into sets without duplicates.
@Suite struct DiskGroupingTests {
  /// Members as `DISK KIND WHOLE PART [STATE]`.
  private static func members(_ lines: [String]) -> [DiskMember] {
    lines.compactMap { line in
      let fields = line.split(separator: " ").map(String.init)
      guard let disk = Int(fields[0]), let kind = DiskMember.Kind(rawValue: fields[1]) else { return nil }
      return DiskMember(
        disk: disk, name: Array("/dev/disk\(disk)".utf8),
        identity: DiskMember.Identity(kind: kind, id: "\(fields[2]) \(fields[3])"), whole: fields[2],
        state: fields.count > 4 ? fields[4] : "")
    }
  }

  private struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var members: [String]
    var sets: [[Int]]
    var doubts: [DiskGrouping.Doubt] = []
  }

  private static let array = "linux_raid_member"

  @Test(arguments: [
    Case(testDescription: "nothing", members: [], sets: [[1, 2, 3, 4]]),
    Case(
      testDescription: "two devices of an array, and others",
      members: ["1 \(array) a 0", "2 \(array) a 1", "3 LVM2_member b 0", "4 LVM2_member b 1"], sets: [[1, 2, 3, 4]]),
    Case(
      testDescription: "copies on one disk are not this one's matter", members: ["1 btrfs a 0", "1 btrfs a 0"],
      sets: [[1, 2, 3, 4]]),
    Case(testDescription: "a disk and a copy", members: ["1 btrfs a 0", "3 btrfs a 0"], sets: [[1, 2, 4], [3]]),
    Case(
      testDescription: "three copies", members: ["1 crypto_LUKS a 0", "2 crypto_LUKS a 0", "4 crypto_LUKS a 0"],
      sets: [[1, 3], [2], [4]]),
    Case(
      testDescription: "pair after pair",
      members: ["1 \(array) a 0", "2 \(array) a 1", "3 \(array) a 0", "4 \(array) a 1"], sets: [[1, 2], [3, 4]]),
    Case(
      testDescription: "half after half",
      members: ["1 \(array) a 0", "2 \(array) a 0", "3 \(array) a 1", "4 \(array) a 1"], sets: [[1, 3], [2, 4]]),
    Case(
      testDescription: "used since, in any order",
      members: ["1 \(array) a 0 x", "2 \(array) a 1 y", "3 \(array) a 1 x", "4 \(array) a 0 y"],
      sets: [[1, 3], [2, 4]]),
    Case(
      testDescription: "used since, in reverse",
      members: ["1 \(array) a 0 x", "2 \(array) a 0 y", "3 \(array) a 1 y", "4 \(array) a 1 x"],
      sets: [[1, 4], [2, 3]]),
    Case(
      testDescription: "an array that had lost a device, copied",
      members: ["1 \(array) a 0 new", "2 \(array) a 1 old", "3 \(array) a 0 new", "4 \(array) a 1 old"],
      sets: [[1, 2], [3, 4]],
      doubts: [DiskGrouping.Doubt(one: 1, other: 2), DiskGrouping.Doubt(one: 3, other: 4)]),
    Case(
      testDescription: "what is there once goes with what it belongs to",
      members: ["1 \(array) a 0 y", "2 \(array) a 0 x", "3 \(array) a 1 x"], sets: [[1, 4], [2, 3]]),
    Case(
      testDescription: "by the volume group, whatever its other members are",
      members: ["1 LVM2_member v 0 7", "2 LVM2_member v 1 9", "3 LVM2_member v 0 9", "4 LVM2_member v 1 7"],
      sets: [[1, 4], [2, 3]]),
  ])
  private func sets(_ test: Case) {
    let grouping = DiskGrouping(disks: [1, 2, 3, 4], members: Self.members(test.members))
    #expect(grouping.sets == test.sets)
    #expect(grouping.doubts == test.doubts)
    #expect(grouping.copies.isEmpty == (test.sets.count == 1))
  }

  @Test func whichIsACopyOfWhich() {
    let members = Self.members(["1 btrfs a 0", "2 LVM2_member b 0", "3 LVM2_member b 0", "4 btrfs a 0"])
    let copies = DiskGrouping(disks: [1, 2, 3, 4], members: members).copies
    #expect(copies.map { [$0.copy.disk, $0.original.disk] } == [[3, 2], [4, 1]])
  }

  /// A disk that is in no set would be lost.
  @Test func everyDiskIsInOneSet() {
    var random = Seeded(5)
    for _ in 0..<500 {
      let members = Self.members(
        (0..<12).map { _ in
          "\(Int.random(in: 1...6, using: &random)) btrfs \(Int.random(in: 0...1, using: &random)) "
            + "\(Int.random(in: 0...2, using: &random)) \(Int.random(in: 0...2, using: &random))"
        })
      let sets = DiskGrouping(disks: Array(1...6), members: members).sets
      #expect(sets.flatMap { $0 }.sorted() == Array(1...6), "\(members)")
      for set in sets {
        let identities = set.flatMap { disk in Set(members.filter { $0.disk == disk }.map(\.identity)) }
        #expect(Set(identities).count == identities.count, "\(members)")
      }
    }
  }

  @Test func namesOfTheSecondSet() {
    let first = DiskSet(allOf: 3)
    #expect(first.disks == [1, 2, 3])
    #expect(first.nameInMap(Array("/dev/vg/root".utf8)).elementsEqual("/dev/vg/root".utf8))
    let second = DiskSet(disks: [3], number: 2, doubts: [])
    #expect(second.nameInMap(Array("/dev/vg/root".utf8)).elementsEqual("/dev/vg/root@2".utf8))
    for (inMap, inAppliance) in [
      ("/dev/vg/root@2", "/dev/vg/root"), ("/dev/vg/root@2/sub@2/x", "/dev/vg/root/sub@2/x"),
      ("/dev/vg/root", "/dev/vg/root"),
    ] {
      #expect(second.nameInAppliance(Array(inMap.utf8)).elementsEqual(inAppliance.utf8))
    }
  }
}
