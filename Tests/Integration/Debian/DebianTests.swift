import FoundationEssentials
import SystemPackage
import Testing

/// A Debian root filesystem on every kind of storage that root filesystems are put on (`make check-debian`).
@Suite struct DebianTests {
  /// The filesystems by their marks, with the least number of files on each.
  private static let filesystems = [
    ("lvm", 20_000), ("xfs", 20_000), ("btrfs", 20_000), ("compressed", 20_000), ("btrfs1", 20_000),
    ("mirror", 20_000), ("parity", 20_000), ("ten", 20_000), ("ntfs", 3_000), ("fat", 3_000), ("luks", 3_000),
  ]

  /// How many files of each filesystem are compared with what other tools say.
  private static let asked = 1000

  private struct Answer: Decodable {
    struct Filesystem: Decodable {
      var device: String
      var proved: Int
      var reasons: [String: Int]
      var wrong: Int
    }
    struct Finding: Decodable {
      var device: String
      var path: String
      var reason: String
    }
    var filesystems: [Filesystem]
    var wrong: [Finding]
  }

  @Test func everyFileIsProved() async throws {
    let guest = try await DebianGuest.shared.value
    let run = try MapperRun()
    let arguments: [any Word] = ["verify", "--json"]
    let outcome = try await run(
      arguments + DebianGuest.key + guest.disks + [guest.file], limit: DebianGuest.limit)
    #expect(outcome.end == .exited(0), "\(outcome.errors.text)")
    let answer = try JSONDecoder().decode(Answer.self, from: Data(outcome.output))
    #expect(answer.wrong.isEmpty, "\(answer.wrong.prefix(5))")
    for (mark, least) in Self.filesystems {
      let device = try guest.device(mark)
      let filesystem = try #require(answer.filesystems.first { $0.device == device })
      print("\(mark): \(filesystem.proved) proved, excepted \(filesystem.reasons), \(filesystem.wrong) wrong")
      #expect(filesystem.proved + filesystem.reasons.values.reduce(0, +) >= least)
      // Only the compressed Btrfs has files whose bytes are not on the disk as they are.
      #expect(mark == "compressed" || filesystem.reasons.isEmpty, "\(mark): \(filesystem.reasons)")
    }
  }

  /// Reading every file gives the same map as asking the filesystems, line for line.
  @Test func bothMethodsAgree() async throws {
    let guest = try await DebianGuest.shared.value
    let marks = Self.filesystems.map { "is-\($0.0)" }
    let told = guest.told.comparable(marks: marks)
    let read = guest.read.comparable(marks: marks)
    #expect(told.count > 200_000)
    #expect(told.subtracting(read).sorted().prefix(10) == [])
    #expect(read.subtracting(told).sorted().prefix(10) == [])
  }

  /// Files on ext4 on LVM lie where debugfs and fiwalk say.
  @Test func ext4() async throws {
    let guest = try await DebianGuest.shared.value
    let device = try guest.device("lvm")
    let volume = try #require(guest.told.lines("l", device).first).range
    let files = guest.files(on: device, count: Self.asked)
    let found = try await BlockOracles.debugfs(
      files.map(\.path), image: "\(guest.disks[0])?offset=\(volume.lowerBound)")
    #expect(found.count == files.count)
    for (file, sectors) in zip(files, found) {
      #expect(Sectors(file.lines, on: volume.lowerBound) == sectors, "\(file.path)")
    }
    let scratch = try Scratch()
    try await compareWithFiwalk(files, volume, of: guest, in: scratch)
  }

  @Test func xfs() async throws {
    let guest = try await DebianGuest.shared.value
    let device = try guest.device("xfs")
    let volume = try #require(guest.told.lines("p", device).first).range
    let files = guest.files(on: device, count: Self.asked)
    let scratch = try Scratch()
    let image = try await slice(of: guest.disks[0], volume, in: scratch)
    let found = try await BlockOracles.xfsDB(files.map(\.path), image: image)
    #expect(found.count == files.count)
    for (file, sectors) in zip(files, found) {
      #expect(Sectors(file.lines, on: volume.lowerBound) == sectors.within(file.end), "\(file.path)")
    }
  }

  @Test func ntfs() async throws {
    let guest = try await DebianGuest.shared.value
    let device = try guest.device("ntfs")
    let volume = try #require(guest.told.lines("p", device).first).range
    let files = guest.files(on: device, count: Self.asked)
    let scratch = try Scratch()
    let image = try await slice(of: guest.disks[0], volume, in: scratch)
    var resident = 0
    for file in files {
      let sectors = try await BlockOracles.ntfscluster(file.path, image: image)
      if sectors.isEmpty {
        // Its data is in its record in the file table, so it is smaller than a cluster.
        resident += 1
        #expect(file.lines.allSatisfy { $0.range.count < 4096 }, "\(file.path)")
      } else {
        #expect(Sectors(file.lines, on: volume.lowerBound) == sectors.within(file.end), "\(file.path)")
      }
    }
    #expect(resident > 20 && resident < files.count / 2)
    let others = files.filter { file in file.lines.allSatisfy { $0.range.lowerBound % 4096 == 0 } }
    try await compareWithFiwalk(others, volume, of: guest, in: scratch)
  }

  @Test func fat32() async throws {
    let guest = try await DebianGuest.shared.value
    let device = try guest.device("fat")
    let volume = try #require(guest.told.lines("p", device).first).range
    try await compareWithFiwalk(
      guest.files(on: device, count: Self.asked), volume, of: guest, in: try Scratch())
  }

  private func compareWithFiwalk(
    _ files: [DebianGuest.File], _ volume: Range<UInt64>, of guest: DebianGuest, in scratch: Scratch
  ) async throws {
    let found = try await BlockOracles.fiwalk(slice(of: guest.disks[0], volume, in: scratch))
    #expect(files.count > 500)
    for file in files {
      // On NTFS, fiwalk reports the bytes, and the map the clusters.
      let sectors = try #require(found[file.path], "\(file.path)").within(file.end)
      let inMap = Sectors(file.lines, on: volume.lowerBound).within(file.end)
      let end = (sectors.keys.max() ?? 0) + 1
      #expect(inMap.within(end * 512) == sectors, "\(file.path)")
      #expect(inMap.keys.max() ?? 0 < (end + 7) / 8 * 8, "\(file.path)")
    }
  }
}
