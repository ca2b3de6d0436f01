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
    let ranges = merged([ext, ntfs, root, xfs, btrfs].flatMap { $0.randomRanges(Self.count / 5, guest.map, &random) })
    let answer = try await AffectedAnswer.of(ranges, in: guest.file)
    #expect(answer.ranges == ranges.count && answer.bytes == ranges.reduce(0) { $0 + UInt64($1.count) })
    #expect(answer.uses.values.reduce(0) { $0 + $1.bytes } == answer.bytes)
    // Only Btrfs's metadata is there twice.
    #expect(answer.objects.allSatisfy { $0.use != "files" || $0.readable == 0 || $0.size ?? 0 < 8192 })

    let sharing = withAttributes(guest.map)
    for volume in [ext, root] {
      #expect(try await compareExt(volume, answer, ranges, leavingOut: sharing) > 30)
    }
    #expect(try await compareXFS(xfs, answer, ranges, leavingOut: sharingBlocks(guest.map, xfs.device)) > 30)
    #expect(top.compare(btrfs, answer, ranges) > 15)
    btrfs.device = "btrfsvol:/dev/sda3/sub"
    #expect(subvolume.compare(btrfs, answer, ranges) > 5)
    #expect(try await compareNTFS(ntfs, answer, ranges, leavingOut: sharing) > 15)
  }

  /// ext4 on md RAID 1, XFS on md RAID 5, and Btrfs with RAID 1: what has another copy.
  @Test func copies() async throws {
    let (guest, scratch) = (try await Maps.raid.value, try Scratch())
    let parts = try await partitions(of: guest.disk)
    func device(_ mark: String) throws -> String {
      try #require(guest.map.lines.first { $0.path == Array("/\(mark)".utf8) }, "\(mark)").device.text
    }
    // Where the data of a member of an array begins, according to mdadm.
    func dataStart(_ number: Int) async throws -> UInt64 {
      let said = try await tool("mdadm", ["--examine", slice(of: guest.disk, parts[number - 1], in: scratch)])
      let match = try #require(said.output.text.firstMatch(of: /Data Offset : (\d+) sectors/))
      return parts[number - 1].lowerBound + (try #require(UInt64(match.1))) * 512
    }
    let legs = try await [1, 2].asyncMap { number in
      let start = try await dataStart(number)
      return [
        StoredVolume.Piece(offset: 0, diskOffset: start, length: parts[number - 1].upperBound - start)
      ]
    }
    let mirror = StoredVolume(
      device: try device("is-mirror"),
      image: try StoredVolume.image(of: legs[0], on: guest.disk, as: "mirror", in: scratch), copies: legs)

    // The left-symmetric layout: parity moves from the last device to the first, and data begins behind it.
    let starts = try await [3, 4, 5].asyncMap { try await dataStart($0) }
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
    let ranges = merged([mirror, striped, btrfs].flatMap { $0.randomRanges(Self.count / 3, guest.map, &random) })
    let answer = try await AffectedAnswer.of(ranges, in: guest.file)
    #expect(answer.bytes == ranges.reduce(0) { $0 + UInt64($1.count) })
    #expect(try await compareExt(mirror, answer, ranges, leavingOut: []) > 30)
    #expect(
      try await compareXFS(striped, answer, ranges, leavingOut: sharingBlocks(guest.map, striped.device)) > 10)
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
    let ranges = merged([volume, others].flatMap { $0.randomRanges(Self.count / 2, guest.map, &random) })
    let answer = try await AffectedAnswer.of(ranges, in: guest.file)
    #expect(try await compareExt(volume, answer, ranges, leavingOut: []) > 30)
    // The list is about the first disk, and the other copy is on the second.
    let mirrored = answer.objects.filter { $0.device == others.device }
    #expect(mirrored.count > 30 && mirrored.allSatisfy { $0.readable == $0.bytes && $0.lost == 0 })
  }

  /// Without overlaps, and sorted.
  private func merged(_ ranges: [Range<UInt64>]) -> [Range<UInt64>] {
    ranges.sorted { $0.lowerBound < $1.lowerBound }.reduce(into: []) { result, range in
      if let last = result.last, range.lowerBound <= last.upperBound {
        result[result.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
      } else {
        result.append(range)
      }
    }
  }

  /// Objects that have blocks for attributes, which others may share, or streams: tools name one owner of such a block.
  private func withAttributes(_ map: MapText) -> Set<ObjectName> {
    Set(map.lines.filter { $0.kind == "m" && $0.path.first == 0x2f }.map(\.name))
  }

  private func without(_ names: Set<ObjectName>, _ answer: AffectedAnswer) -> AffectedAnswer {
    var answer = answer
    answer.objects.removeAll { object in
      guard let device = object.device, let path = object.path else { return false }
      return names.contains(ObjectName(device: device, path: Array(path.utf8)))
    }
    return answer
  }

  private func compareExt(
    _ volume: StoredVolume, _ answer: AffectedAnswer, _ ranges: [Range<UInt64>], leavingOut names: Set<ObjectName>
  ) async throws -> Int {
    let debugfs = ExtTool(image: volume.image)
    let said = try await tool("dumpe2fs", ["-h", volume.image]).output.text
    let size = try #require(said.firstMatch(of: /Block size:\s+(\d+)/).flatMap { UInt64($0.1) })
    let sectors = volume.sectors(in: ranges).keys
    let inodes = try await debugfs.owners(of: Set(sectors.map { $0 * 512 / size }).sorted())
    let paths = try await debugfs.names(of: Set(inodes.values))
    var owners: [UInt64: Set<String>] = [:]
    for sector in sectors {
      guard let inode = inodes[sector * 512 / size], let named = paths[inode] else { continue }
      owners[sector] = named.filter { !names.contains(ObjectName(device: volume.device, path: Array($0.utf8))) }
    }
    return volume.compare(without(names, answer), ranges, owners: owners, kinds: ["f", "d", "a", "m"])
  }

  /// The files of a device that share blocks with another file: xfs_db names one owner of such a block.
  private func sharingBlocks(_ map: MapText, _ device: String) -> Set<String> {
    let lines = map.lines.filter { $0.kind == "f" && $0.device.text == device }
    let sharing = Dictionary(grouping: lines) { $0.range }.values.filter { Set($0.map(\.path)).count > 1 }
    return Set(sharing.flatMap { $0.map(\.path.text) })
  }

  private func compareXFS(
    _ volume: StoredVolume, _ answer: AffectedAnswer, _ ranges: [Range<UInt64>], leavingOut sharing: Set<String>
  ) async throws -> Int {
    let sectors = volume.sectors(in: ranges).keys
    let uses = try await XFSTool(volume.image).uses(of: Set(sectors.map { $0 / 8 }).sorted())
    var owners: [UInt64: Set<String>] = [:]
    for sector in sectors {
      if let name = uses[sector / 8]?.name, !sharing.contains("/\(name)") { owners[sector] = ["/\(name)"] }
    }
    return volume.compare(answer, ranges, owners: owners, kinds: ["f", "d", "a", "m"], unknown: sharing)
  }

  private func compareNTFS(
    _ volume: StoredVolume, _ answer: AffectedAnswer, _ ranges: [Range<UInt64>], leavingOut names: Set<ObjectName>
  ) async throws -> Int {
    let sectors = volume.sectors(in: ranges)
    let clusters = Set(sectors.keys.map { $0 / 8 })
    // The files that have any of the clusters.
    var paths: Set<String> = []
    for first in clusters where !clusters.contains(first - 1) {
      var last = first
      while clusters.contains(last + 1) { last += 1 }
      let said = try await run("ntfscluster", ["-q", "-f", "-c", "\(first)-\(last)", volume.image])
      for line in said.outputLines {
        guard let match = line.firstMatch(of: /^Inode \d+ (\/[^$].*)\/\$DATA$/) else { continue }
        if !names.contains(ObjectName(device: volume.device, path: Array(match.1.utf8))) {
          paths.insert(String(match.1))
        }
      }
    }
    // Which clusters they are.
    var owners: [UInt64: Set<String>] = [:]
    for path in paths {
      for sector in try await BlockOracles.ntfscluster(path, image: volume.image).values {
        owners[sector, default: []].insert(path)
      }
    }
    // The data of small files is in the file table.
    var answer = without(names, answer)
    answer.objects.removeAll { $0.device == volume.device && $0.kind == "f" && $0.size ?? 0 < 4096 }
    return volume.compare(answer, ranges, owners: owners, kinds: ["f", "a"])
  }
}

extension Array {
  fileprivate func asyncMap<T>(_ transform: (Element) async throws -> T) async rethrows -> [T] {
    var result: [T] = []
    for element in self { result.append(try await transform(element)) }
    return result
  }
}
