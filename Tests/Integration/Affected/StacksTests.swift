import SystemPackage
import TestSupport
import Testing

/// `virt-bmap affected` on Btrfs and NTFS on LVM and md, and on XFS, Btrfs and NTFS in LUKS. `AffectedTests` has the
/// other filesystems on these.
@Suite struct StacksTests {
  /// On each of the seven filesystems.
  private static let count = 150
  private static let filesystems = [
    "md-btrfs", "md-ntfs", "lvm-btrfs", "lvm-ntfs", "luks-xfs", "luks-btrfs", "luks-ntfs",
  ]

  @Test func everyFilesystem() async throws {
    let (guest, scratch) = (try await Maps.stacks.value, try Scratch())
    let stacks = try await Stacks(guest, in: scratch)
    var random = Seeded(19)
    var (volumes, oracles): ([StoredVolume], [String: BtrfsOracle]) = ([], [:])
    for name in Self.filesystems {
      var volume = try await stacks.volume(name)
      if name.hasSuffix("btrfs") {
        let oracle = try await BtrfsOracle(volume.image, tree: 5)
        volume.copies = volume.copies.map { StoredVolume.places(of: oracle.chunks.map(\.piece), on: $0) }
        oracles[volume.device] = oracle
      }
      volumes.append(volume)
    }
    let ranges = StoredVolume.merged(volumes.flatMap { $0.randomRanges(Self.count, guest.map, &random) })
    let answer = try await AffectedAnswer.of(ranges, in: guest.file)
    #expect(answer.ranges == ranges.count && answer.bytes == ranges.reduce(0) { $0 + UInt64($1.count) })

    for (name, volume) in zip(Self.filesystems, volumes) {
      let compared =
        if let oracle = oracles[volume.device] {
          oracle.compare(volume, answer, ranges)
        } else if name.hasSuffix("xfs") {
          try await volume.compareXFS(answer, ranges, in: guest.map)
        } else {
          try await volume.compareNTFS(answer, ranges)
        }
      #expect(compared > 20, "\(name): \(compared)")
      // On arrays, some have another copy outside of the list and some have not; elsewhere, there are no copies.
      let files = answer.objects.filter { $0.device == volume.device && $0.kind == "f" && $0.size ?? 0 >= 4096 }
      #expect(files.contains { $0.lost > 0 }, "\(name)")
      #expect(files.contains { $0.readable > 0 } == name.hasPrefix("md-"), "\(name)")
    }
  }
}
