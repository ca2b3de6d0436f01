import SystemPackage
import TestSupport
import Testing

/// `virt-bmap affected` on 1,000 random ranges of each guest, compared with what the filesystems' own tools say about
/// every sector.
@Suite struct AffectedTests {
  private static let count = 1000

  /// ext4, Btrfs and NTFS on partitions; ext4 and XFS on LVM.
  @Test func layers() async throws {
    let (guest, scratch) = (try await Maps.layers.value, try Scratch())
    let parts = try await partitions(of: guest.disk)
    let segments = try await LayersOracle.shared.value.segments
    func volume(_ device: String, _ pieces: [StoredVolume.Piece]) throws -> StoredVolume {
      let name = device.split(separator: "/").joined(separator: "-")
      let image = try StoredVolume.image(of: pieces, on: guest.disk, as: name, in: scratch)
      return StoredVolume(device: device, image: image, copies: [pieces])
    }
    func partition(_ number: Int) throws -> StoredVolume {
      let range = parts[number - 1]
      return try volume(
        "/dev/sda\(number)",
        [StoredVolume.Piece(offset: 0, diskOffset: range.lowerBound, length: UInt64(range.count))])
    }
    func logical(_ name: String) throws -> StoredVolume {
      try volume(
        name,
        segments.filter { $0.volume == name }.map {
          StoredVolume.Piece(
            offset: $0.offset, diskOffset: parts[4].lowerBound + $0.physical, length: $0.length)
        })
    }
    let (ext, ntfs, root, xfs) = (
      try partition(1), try partition(4), try logical("/dev/vg/root"), try logical("/dev/vg/xfs")
    )
    let btrfsImage = try await slice(of: guest.disk, parts[2], in: scratch)
    let top = try await BtrfsOracle(btrfsImage, tree: 5)
    let subvolume = try await BtrfsOracle(btrfsImage, tree: 256)
    var btrfs = StoredVolume(
      device: "/dev/sda3", image: btrfsImage, copies: [top.chunks.map { $0.piece.moved(by: parts[2].lowerBound) }])

    var random = Seeded(16)
    let ranges = StoredVolume.merged(
      [ext, ntfs, root, xfs, btrfs].flatMap { $0.randomRanges(Self.count / 5, guest.map, &random) })
    let answer = try await AffectedAnswer.of(ranges, in: guest.file)
    #expect(answer.ranges == ranges.count && answer.bytes == ranges.reduce(0) { $0 + UInt64($1.count) })
    #expect(answer.uses.values.reduce(0) { $0 + $1.bytes } == answer.bytes)
    // Only Btrfs's metadata is there twice.
    #expect(answer.objects.allSatisfy { $0.use != "files" || $0.readable == 0 || $0.size ?? 0 < 8192 })

    let sharing = guest.map.withAttributes
    for volume in [ext, root] {
      #expect(try await volume.compareExt(answer, ranges, leavingOut: sharing) > 30)
    }
    #expect(try await xfs.compareXFS(answer, ranges, in: guest.map) > 30)
    #expect(top.compare(btrfs, answer, ranges) > 15)
    btrfs.device = "btrfsvol:/dev/sda3/sub"
    #expect(subvolume.compare(btrfs, answer, ranges) > 5)
    #expect(try await ntfs.compareNTFS(answer, ranges, leavingOut: sharing) > 15)
  }

  /// ext4 on md RAID 1, XFS on md RAID 5, and Btrfs with RAID 1: what has another copy.
  @Test func copies() async throws {
    let (guest, scratch) = (try await Maps.raid.value, try Scratch())
    let parts = try await partitions(of: guest.disk)
    func device(_ mark: String) throws -> String {
      try #require(guest.map.lines.first { $0.path == Array("/\(mark)".utf8) }, "\(mark)").device.text
    }
    let legs = try await [1, 2].asyncMap { number in
      let start = try await dataStart(ofMember: parts[number - 1], on: guest.disk, in: scratch)
      return [
        StoredVolume.Piece(offset: 0, diskOffset: start, length: parts[number - 1].upperBound - start)
      ]
    }
    let mirror = StoredVolume(
      device: try device("is-mirror"),
      image: try StoredVolume.image(of: legs[0], on: guest.disk, as: "mirror", in: scratch), copies: legs)

    // The left-symmetric layout: parity moves from the last device to the first, and data begins behind it.
    let starts = try await [3, 4, 5].asyncMap {
      try await dataStart(ofMember: parts[$0 - 1], on: guest.disk, in: scratch)
    }
    let chunk: UInt64 = 64 << 10
    let chunks = (0..<2 * ((199 << 20) / chunk)).map { number in
      let (stripe, index) = (number / 2, number % 2)
      let parity = 2 - stripe % 3
      return StoredVolume.Piece(
        offset: number * chunk, diskOffset: starts[Int((parity + 1 + index) % 3)] + stripe * chunk, length: chunk)
    }
    let striped = StoredVolume(
      device: try device("is-parity"),
      image: try StoredVolume.image(of: chunks, on: guest.disk, as: "striped", in: scratch), copies: [chunks])

    let oracle = try await BtrfsOracle(slice(of: guest.disk, parts[11], in: scratch), tree: 5)
    let btrfs = StoredVolume(
      device: try device("is-btrfs"), image: try await slice(of: guest.disk, parts[11], in: scratch),
      copies: [1, 2].map { number in
        oracle.chunks.filter { $0.device == number }.map { $0.piece.moved(by: parts[10 + number].lowerBound) }
      })

    var random = Seeded(17)
    let ranges = StoredVolume.merged(
      [mirror, striped, btrfs].flatMap { $0.randomRanges(Self.count / 3, guest.map, &random) })
    let answer = try await AffectedAnswer.of(ranges, in: guest.file)
    #expect(answer.bytes == ranges.reduce(0) { $0 + UInt64($1.count) })
    #expect(try await mirror.compareExt(answer, ranges) > 30)
    #expect(try await striped.compareXFS(answer, ranges, in: guest.map) > 10)
    #expect(oracle.compare(btrfs, answer, ranges) > 30)
    // Both kinds of answers occur.
    for device in [mirror.device, btrfs.device] {
      let files = answer.objects.filter { $0.device == device && $0.kind == "f" }
      #expect(files.contains { $0.lost > 0 } && files.contains { $0.readable > 0 }, "\(device)")
    }
    #expect(answer.objects.allSatisfy { $0.device != striped.device || $0.kind == "m" || $0.readable == 0 })
    #expect(answer.uses["parity"].map { $0.bytes > 0 && $0.lost == 0 } ?? false)
  }

  /// ext4 on LVM on LUKS, and copies on another disk.
  @Test func encrypted() async throws {
    let (guest, scratch) = (try await SeveralDisksTests.mapped.value, try Scratch())
    let part = try await partitions(of: guest.disks[0])[3]
    let header = try await tool("cryptsetup", ["luksDump", slice(of: guest.disks[0], part, in: scratch)])
    let payload = try #require(header.output.text.firstMatch(of: /Payload offset:\s+(\d+)/).flatMap { UInt64($0.1) })
    let plain = scratch("plain")
    try await tool(
      "nbdkit",
      [
        "-r", "--filter=luks", "--filter=partition", "file", guest.disks[0], "partition=4", "passphrase=inner key",
        "--run", "nbdcopy \"$uri\" \(plain)",
      ])
    // LVM's first extent begins at 1 MiB.
    let inner = StoredVolume.Piece(offset: 0, diskOffset: 1 << 20, length: 64 << 20)
    let volume = StoredVolume(
      device: "/dev/inner/data",
      image: try StoredVolume.image(of: [inner], on: plain, as: "inner", in: scratch),
      copies: [
        [
          StoredVolume.Piece(
            offset: 0, diskOffset: part.lowerBound + payload * 512 + inner.diskOffset, length: inner.length)
        ]
      ])
    let others = StoredVolume(
      device: "/dev/vg/both", image: plain,
      copies: [
        guest.map.lines("l", "/dev/vg/both").filter { $0.disk == 1 }.map {
          StoredVolume.Piece(offset: $0.offset, diskOffset: $0.range.lowerBound, length: UInt64($0.range.count))
        }
      ])
    var random = Seeded(18)
    let ranges = StoredVolume.merged([volume, others].flatMap { $0.randomRanges(Self.count / 2, guest.map, &random) })
    let answer = try await AffectedAnswer.of(ranges, in: guest.file)
    #expect(try await volume.compareExt(answer, ranges) > 30)
    // The list is about the first disk, and the other copy is on the second.
    let mirrored = answer.objects.filter { $0.device == others.device }
    #expect(mirrored.count > 30 && mirrored.allSatisfy { $0.readable == $0.bytes && $0.lost == 0 })
  }
}
