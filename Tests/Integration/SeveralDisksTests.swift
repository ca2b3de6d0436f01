import Glibc
import SystemPackage
import Testing

/// A guest of two disks that need each other, with encrypted volumes.
@Suite struct SeveralDisksTests {
  struct Guest {
    var disks: [FilePath]
    /// The files that every filesystem holds.
    var tree: FilePath
    var file: FilePath
    var map: MapText
  }

  static let mapped = Shared {
    let directory = try await Guests.disks.value
    let disks = ["one.raw", "two.raw"].map { directory.appending($0) }
    let before = try await sums(of: disks)
    let run = try MapperRun()
    try run.scratch.write("secret key\n", to: "key")
    let outcome = try await run(
      [
        "--machine-readable", "--key", "/dev/sda4:key:inner key", "--key", "all:key:neither", "--key",
        "/dev/vg/secret:file:key", "-o", "map",
      ] + disks)
    #expect(outcome.end == .exited(0))
    #expect(outcome.errors.text == "")
    #expect(outcome.output.text.contains("opening /dev/vg/secret ..."))
    #expect(outcome.output.text.contains("examined 7 partitions, 5 logical volumes,\n"))
    #expect(try await sums(of: disks) == before, "a disk was written to")
    let map = try MapText(contentsOf: run.scratch("map"))
    try await run.expectNothingLeft()
    // Not in the scratch directory: it must outlive `run`.
    let file = Products.package.appending(".build/integration/disks.bmap")
    try [UInt8](contentsOf: run.scratch("map")).write(to: file)
    return Guest(disks: disks, tree: directory.appending("tree"), file: file, map: map)
  }

  private static func sums(of disks: [FilePath]) async throws -> [String] {
    try await tool("sha256sum", disks).outputLines
  }

  /// The expected contents of a file. The files that mark the filesystems are copies of one file in the tree.
  private func content(of path: [UInt8], in guest: Guest) throws -> [UInt8] {
    let original = path.text.hasPrefix("/is-") ? "/sizes/65536" : path.text
    return try [UInt8](contentsOf: FilePath(guest.tree.string + original))
  }

  @Test func eachDiskHasItsLines() async throws {
    let guest = try await Self.mapped.value
    for (index, disk) in guest.disks.enumerated() {
      let name = "/dev/sd\(["a", "b"][index])"
      let size = try fileSize(disk)
      #expect(
        guest.map.comments[index + 1] == "# disk \(index + 1) size=\(String(size, radix: 16)) format=raw file=\(disk)")
      let lines = guest.map.lines("v", name)
      #expect(lines.map(\.range) == [0..<size] && lines.map(\.disk) == [UInt64(index + 1)])
      for (number, range) in try await partitions(of: disk).enumerated() {
        let lines = guest.map.lines("p", "\(name)\(number + 1)")
        #expect(lines.map(\.range) == [range] && lines.map(\.disk) == [UInt64(index + 1)])
      }
    }
    // Each disk has a part of the volume.
    #expect(guest.map.lines("l", "/dev/vg/span").map { [$0.disk, $0.offset] } == [[1, 0], [2, 20 << 20]])
  }

  /// A filesystem: the number of copies of each byte, and the disks that hold them.
  private struct Spread: Sendable, CustomTestStringConvertible {
    var device: String
    var copies: Int
    var disks: Set<UInt64>

    var testDescription: String { device }
  }

  @Test(arguments: [
    Spread(device: "/dev/sda1", copies: 1, disks: [1]), Spread(device: "/dev/vg/span", copies: 1, disks: [1, 2]),
    Spread(device: "/dev/sda3", copies: 2, disks: [1, 2]), Spread(device: "/dev/vg/first", copies: 1, disks: [1]),
    Spread(device: "/dev/vg/both", copies: 2, disks: [1, 2]),
  ])
  private func everyFileIsRebuilt(_ spread: Spread) async throws {
    let guest = try await Self.mapped.value
    let sources = try guest.disks.map { try FileDescriptor.open($0, .readOnly) }
    defer { for source in sources { try? source.close() } }
    let files = guest.map.objects("f").filter { $0.key.device == spread.device }
    // Btrfs stores the small ones in its tree.
    #expect(files.count >= 45)
    for (name, lines) in files {
      let content = try content(of: name.path, in: guest)
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
      #expect(seen.allSatisfy { $0 == spread.copies }, "\(name): \(lines)")
    }
    #expect(Set(files.values.joined().map(\.disk)) == spread.disks)
  }

  /// qemu-img reads LUKS 1 without the kernel.
  @Test func whatIsEncryptedIsWhereItsCiphertextIs() async throws {
    let guest = try await Self.mapped.value
    let scratch = try Scratch()
    let slice = try await slice(of: guest.disks[0], partition: 4, in: scratch)
    let plain = scratch("plain")
    try await tool(
      "qemu-img",
      [
        "convert", "--object", "secret,id=key,data=inner key", "--image-opts",
        "driver=luks,key-secret=key,file.driver=file,file.filename=\(slice)", "-O", "raw", plain,
      ])
    let opened = try #require(
      guest.map.lines.first { line in
        line.kind == "l" && line.device.text.hasPrefix("/dev/mapper/luks-") && line.disk == 1
      })
    #expect(UInt64(opened.range.count) == (try fileSize(plain)))
    let files = guest.map.objects("f").filter { $0.key.device == "/dev/inner/data" }
    #expect(files.count >= 50)
    for (name, lines) in files {
      let moved = lines.map { line in
        var line = line
        line.range = line.range.lowerBound - opened.range.lowerBound..<line.range.upperBound - opened.range.lowerBound
        return line
      }
      let content = try content(of: name.path, in: guest)
      let isSame = try Rebuild(disk: plain).bytes(size: UInt64(content.count), of: moved) == content
      #expect(isSame, "\(name): \(lines)")
    }
  }

  /// qemu-img does not read LUKS 2, so this checks only that the header has 16 MiB and that the files lie within the
  /// volume.
  @Test func anEncryptedVolume() async throws {
    let guest = try await Self.mapped.value
    let volume = try #require(guest.map.lines("l", "/dev/vg/secret").first)
    let opened = try #require(
      guest.map.lines.first { line in
        line.kind == "l" && line.device.text.hasPrefix("/dev/mapper/luks-") && line.disk == 2
      })
    #expect(opened.range == volume.range.lowerBound + 16 << 20..<volume.range.upperBound)
    let files = guest.map.objects("f").filter { $0.key.device == opened.device.text }
    #expect(files.count >= 50)
    for line in files.values.joined() {
      #expect(line.disk == 2 && opened.range.clamped(to: line.range) == line.range, "\(line.name)")
    }
  }

  /// verify reads through the appliance, which decrypts the data at the map's ranges.
  @Test func theMapIsProved() async throws {
    let guest = try await Self.mapped.value
    let run = try MapperRun()
    try run.scratch.write("secret key\n", to: "key")
    let arguments: [any Word] =
      ["verify", "--key", "/dev/sda4:key:inner key", "--key", "/dev/vg/secret:file:key"] + guest.disks + [guest.file]
    let outcome = try await run(arguments)
    #expect(outcome.end == .exited(0))
    #expect(outcome.errors.text == "")
    #expect(outcome.outputLines.count == 8, "\(outcome.output.text)")
    #expect(outcome.outputLines.allSatisfy { $0.hasSuffix(" proved, 0 excepted, 0 wrong") }, "\(outcome.output.text)")
    #expect(outcome.outputLines.last?.hasPrefix("total: 371 proved, ") == true, "\(outcome.output.text)")
    try await run.expectNothingLeft()
  }

  /// With one disk and a wrong key, everything that is readable is mapped and proved, and the rest is reported.
  /// Mapped are volumes that are complete, and volumes and a Btrfs that have a copy of everything on the disk.
  @Test func withoutTheOtherDisk() async throws {
    let directory = try await Guests.disks.value
    let run = try MapperRun()
    let disk = directory.appending("one.raw")
    let outcome = try await run(["--key", "/dev/sda4:key:secret key", "-o", "map", disk])
    #expect(outcome.end == .exited(3))
    let warnings = outcome.errorLines
    let start = try await partitions(of: directory.appending("two.raw"))[0].lowerBound
    let missing = try await tool(
      "blkid", ["-p", "-O", "\(start)", "-o", "value", "-s", "UUID", directory.appending("two.raw")]
    ).outputLines[0]
    #expect(warnings.allSatisfy { $0.hasPrefix("virt-bmap: warning: ") }, "\(warnings)")
    for (name, reason) in [
      ("/dev/sda4: ", "none of the keys opens this encrypted device"),
      ("/dev/vg/span: ", "its volume group lacks the physical volume \(missing); give that disk, too"),
      ("/dev/vg/secret: ", "its volume group lacks the physical volume \(missing); give that disk, too"),
      ("/dev/vg/both: ", "a copy or a part of it is not mapped: it is on the physical volume \(missing)"),
      ("/dev/sda3 (btrfs): ", "1 of its devices is missing"),
    ] {
      #expect(warnings.filter { $0.contains(name) && $0.contains(reason) }.count == 1, "\(warnings)")
    }
    let map = try MapText(contentsOf: run.scratch("map"))
    let whole = try await Self.mapped.value.map
    let devices = ["/dev/sda1", "/dev/sda3", "/dev/vg/first", "/dev/vg/both"]
    #expect(Set(map.objects("f").keys.map(\.device)) == Set(devices))
    let guest = try await Self.mapped.value
    for (name, lines) in map.objects("f") {
      let content = try content(of: name.path, in: guest)
      let isSame = try Rebuild(disk: disk).bytes(size: UInt64(content.count), of: lines) == content
      #expect(isSame, "\(name): \(lines)")
      #expect(lines.reduce(0) { $0 + $1.range.count } >= content.count, "\(name): \(lines)")
    }
    #expect(
      map.lines.filter { $0.device.text == "/dev/sda1" }.map(\.range)
        == whole.lines.filter { $0.device.text == "/dev/sda1" }.map(\.range))
    let proof = try await run(["verify", disk, run.scratch("map")])
    #expect(proof.end == .exited(0) && proof.errors.text == "", "\(proof.errors.text)")
    #expect(proof.outputLines.last?.hasPrefix("total: 212 proved, 0 excepted, 0 wrong") == true, "\(proof.output.text)")
    try await run.expectNothingLeft()
  }

  @Test func theSameDiskTwice() async throws {
    let run = try MapperRun()
    try run.scratch.makeHole("disk", size: 1 << 20)
    try run.scratch.makeHole("other", size: 1 << 20)
    guard symlink("disk", run.scratch("link").string) == 0 else { throw Errno(rawValue: errno) }
    let outcome = try await run(["disk", "other", "link"], launchesAppliance: false)
    expectOneLine(outcome, "link: this disk is given twice")
    try await run.expectNothingLeft()
  }

  @Test(arguments: [
    ("/dev/sda1", "give DEVICE:key:KEY or DEVICE:file:FILE"), ("/dev/sda1:clevis", "give DEVICE:key:KEY"),
    ("/dev/sda1:secret:word", "give DEVICE:key:KEY"), (":key:word", "give DEVICE:key:KEY"),
    ("/dev/sda1:file:no such file", "no such file: the key cannot be read: No such file or directory"),
  ])
  func aKeyThatIsNone(key: String, message: String) async throws {
    let run = try MapperRun()
    try run.scratch.makeHole("disk", size: 1 << 20)
    let outcome = try await run(["--key", key, "disk"], launchesAppliance: false)
    expectOneLine(outcome, message)
    #expect(!outcome.errors.text.contains("word"), "the key is shown")
  }
}
