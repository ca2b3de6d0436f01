import Glibc
import SystemPackage
import Testing

/// Disks that are copies of each other, given together: each is mapped, and no volume is assembled from parts of
/// different copies.
@Suite struct CopiesTests {
  struct Guest {
    var directory: FilePath
    var disks: [FilePath]
    var file: FilePath
    var map: MapText
  }

  /// In an order that does not show which disks belong together.
  private static let names = ["one", "copy2", "two", "copy1", "twin"]

  static let mapped = Shared {
    let directory = try await Guests.copies.value
    let disks = names.map { directory.appending("\($0).raw") }
    let before = try await tool("sha256sum", disks).outputLines
    let run = try MapperRun()
    let outcome = try await run(["--machine-readable", "--key", "all:key:inner key", "-o", "map"] + disks)
    #expect(outcome.end == .exited(0))
    #expect(outcome.errors.text == "")
    for line in [
      "/dev/sdc is a copy of /dev/sdb: ", "/dev/sdd is a copy of /dev/sda: ",
      "first /dev/sda, /dev/sdc, /dev/sde, by themselves", "then /dev/sdb, /dev/sdd, by themselves",
    ] {
      #expect(outcome.outputLines.filter { $0.hasPrefix("virt-bmap: \(line)") }.count == 1, "\(outcome.output.text)")
    }
    #expect(try await tool("sha256sum", disks).outputLines == before, "a disk was written to")
    try await run.expectNothingLeft()
    // Not in the scratch directory: it must outlive `run`.
    let file = Products.package.appending(".build/integration/copies.bmap")
    try [UInt8](contentsOf: run.scratch("map")).write(to: file)
    return Guest(directory: directory, disks: disks, file: file, map: try MapText(contentsOf: file))
  }

  /// A filesystem: its mark, the disks that hold it, and the number of copies of each byte.
  private struct Copy: Sendable, CustomTestStringConvertible {
    var mark: String
    var disks: Set<UInt64>
    var copies: Int
    var tree = "tree"
    /// Tells filesystems with the same mark and disks apart.
    var partition: Int?

    var testDescription: String { "\(mark) on \(disks.sorted())" }
  }

  @Test(arguments: [
    Copy(mark: "is-mirror", disks: [1, 3], copies: 2),
    Copy(mark: "is-mirror", disks: [2, 4], copies: 2, tree: "changed"),
    Copy(mark: "is-span", disks: [1, 3], copies: 1), Copy(mark: "is-span", disks: [2, 4], copies: 1, tree: "changed"),
    Copy(mark: "is-btrfs", disks: [1, 3], copies: 2),
    Copy(mark: "is-btrfs", disks: [2, 4], copies: 2, tree: "changed"),
    Copy(mark: "is-twin", disks: [5], copies: 1, partition: 1),
    Copy(mark: "is-twin", disks: [5], copies: 1, partition: 2),
  ])
  private func everyFileIsRebuilt(_ copy: Copy) async throws {
    let guest = try await Self.mapped.value
    let files = guest.map.objects("f")
    let devices = Set(files.keys.filter { $0.path.text == "/\(copy.mark)" }.map(\.device)).filter { device in
      Set(files.filter { $0.key.device == device }.values.joined().map(\.disk)) == copy.disks
        && (copy.partition.map { device.hasSuffix("\($0)") } ?? true)
    }
    let device = try #require(devices.first)
    #expect(devices.count == 1, "\(devices)")
    // A device that is not a partition would have the same name in both sets, so the one in the second set gets a
    // suffix.
    if !device.hasPrefix("/dev/sd") { #expect(device.hasSuffix("@2") == (copy.tree == "changed")) }
    let sources = try guest.disks.map { try FileDescriptor.open($0, .readOnly) }
    defer { for source in sources { try? source.close() } }
    let own = files.filter { $0.key.device == device }
    #expect(own.count == 7)
    for (name, lines) in own {
      let original = name.path.text.hasPrefix("/is-") ? "/65536" : name.path.text
      let content = try [UInt8](contentsOf: guest.directory.appending(copy.tree + original))
      var seen = [Int](repeating: 0, count: content.count)
      for line in lines {
        let part = Int(line.offset)..<min(content.count, Int(line.offset) + line.range.count)
        var bytes = [UInt8](repeating: 0, count: part.count)
        try bytes.withUnsafeMutableBytes {
          try sources[Int(line.disk) - 1].readExactly(into: $0, at: line.range.lowerBound)
        }
        #expect(bytes.elementsEqual(content[part]), "\(name): disk \(line.disk), \(line.range)")
        for index in part { seen[index] += 1 }
      }
      // Btrfs stores the smallest file in its metadata, of which there are two copies even on one disk.
      #expect(seen.allSatisfy { $0 == copy.copies || content.count == 1 && $0 > 0 }, "\(name): \(lines)")
    }
  }

  /// The names in the second set differ from those in the first.
  @Test func noNameIsTwice() async throws {
    let guest = try await Self.mapped.value
    for line in guest.map.lines where line.device.text.contains("@") {
      #expect(line.device.text.hasSuffix("@2") && [2, 4].contains(line.disk), "\(line.name)")
    }
    let opened = Set(guest.map.lines.filter { $0.device.text.hasPrefix("/dev/mapper/luks-") }.map(\.device.text))
    #expect(opened.count == 2 && opened.filter { $0.hasSuffix("@2") }.count == 1, "\(opened)")
    let volumes = guest.map.lines("l", "/dev/vg/span").map(\.disk) + guest.map.lines("l", "/dev/vg/span@2").map(\.disk)
    #expect(volumes == [1, 3, 2, 4] || volumes == [1, 3, 4, 2], "\(volumes)")
  }

  /// verify finds the same sets.
  @Test func theMapIsProved() async throws {
    let guest = try await Self.mapped.value
    let run = try MapperRun()
    let outcome = try await run(["verify", "--key", "all:key:inner key"] + guest.disks + [guest.file])
    #expect(outcome.end == .exited(0))
    #expect(outcome.errors.text == "")
    #expect(outcome.outputLines.count == 11, "\(outcome.output.text)")
    #expect(outcome.outputLines.last == "total: 70 proved, 0 excepted, 0 wrong", "\(outcome.output.text)")
    try await run.expectNothingLeft()
  }
}
