import FoundationEssentials
import Glibc
import SystemPackage
import Testing

/// `virt-bmap verify`: correct maps are proved, and each kind of error is found.
@Suite struct VerifyTests {
  private struct Answer: Decodable {
    struct Filesystem: Decodable {
      var device: String?
      var type: String?
      var proved: Int
      var excepted: Int
      var reasons: [String: Int]
      var wrong: Int
      var unverified: Int
    }

    struct Finding: Decodable, Hashable {
      var device: String
      var path: String
      var reason: String
    }

    var total: Filesystem
    var filesystems: [Filesystem]
    var wrong: [Finding]
    var excepted: [Finding]
  }

  /// Every layer and filesystem, names of any bytes, paths too long for a system call, holes, hard links.
  @Test func aRightMapIsProved() async throws {
    let mapped = try await Maps.layers.value
    let manifest = try Manifest(contentsOf: mapped.disk.removingLastComponent().appending("layers.manifest"))
    let before = try await tool("sha256sum", [mapped.disk])
    let run = try MapperRun()
    let outcome = try await run(["verify", "--json", mapped.disk, mapped.file])
    #expect(outcome.end == .exited(0), "\(outcome.errors.text)")
    #expect(outcome.errors.text == "")
    try await run.expectNothingLeft()
    let after = try await tool("sha256sum", [mapped.disk])
    #expect(before.output == after.output)

    let answer = try JSONDecoder().decode(Answer.self, from: Data(outcome.output))
    #expect(answer.wrong.isEmpty, "\(answer.wrong.prefix(5))")
    let perDevice = Dictionary(grouping: manifest.files, by: \.device)
    #expect(Set(answer.filesystems.compactMap(\.device)) == Set(perDevice.keys))
    for filesystem in answer.filesystems {
      let device = try #require(filesystem.device)
      // No file is left out.
      #expect(filesystem.proved + filesystem.excepted == perDevice[device, default: []].count, "\(device)")
      print("\(device): \(filesystem.proved) proved, \(filesystem.reasons)")
    }
    // Only Btrfs and NTFS store the data of these files elsewhere or in another form.
    #expect(Set(answer.excepted.map(\.device)).isSubset(of: ["/dev/sda3", "btrfsvol:/dev/sda3/sub", "/dev/sda4"]))
    #expect(answer.excepted.filter { $0.reason == "compressed" }.map(\.path) == ["/compressed"])
    #expect(Set(answer.excepted.map(\.reason)).isSubset(of: ["compressed", "inline"]))
    #expect(answer.total.proved + answer.total.excepted == manifest.files.count && answer.total.unverified == 0)
  }

  /// Each kind of error is found, and nothing else. The rest of these arrays and volumes is proved, in every copy.
  @Test func whatIsWrongIsFound() async throws {
    let mapped = try await Maps.raid.value
    let device = { (mark: String) in
      try #require(mapped.map.lines.first { $0.path == Array("/\(mark)".utf8) }, "\(mark)").device.text
    }
    let (btrfs, fat, ten) = (try device("is-btrfs"), try device("is-fat"), try device("is-ten"))
    let (far, btrfs6) = (try device("is-far"), try device("is-btrfs6"))
    let parity = try device("is-parity")
    // An array may have another name than when the map was made.
    let mirror = "/dev/md99"
    var damage = Damage(try [UInt8](contentsOf: mapped.file).text)
    damage.rename(try device("is-mirror"), to: mirror)
    // Remove one copy of a file: the first or the second of a mirror, and one of Btrfs, LVM and RAID 10.
    let firstLeg = try damage.remove(0, of: mirror, "/sizes/200000")
    let secondLeg = try damage.remove(1, of: mirror, "/sizes/1048577")
    let btrfsLeg = try damage.remove(0, of: btrfs, "/sizes/3000000")
    let volumeLeg = try damage.remove(1, of: "/dev/vg/raid1", "/sizes/6000000")
    let tenLeg = try damage.remove(3, of: ten, "/sizes/3000000")
    let farLeg = try damage.remove(1, of: far, "/sizes/200000")
    let tripleLeg = try damage.remove(2, of: btrfs6, "/sizes/512")
    let fatLeg = try damage.remove(0, of: fat, "/is-fat")
    // A copy at a wrong offset, a range at a wrong offset, and a range with a wrong offset in the file.
    try damage.change(0, of: mirror, "/is-mirror") { Damage.shifted($0, by: 0x1000) }
    try damage.change(0, of: "/dev/vg/striped", "/sizes/200000") { Damage.shifted($0, by: 0x1000) }
    try damage.change(1, of: parity, "/sizes/1048577") { line in
      var fields = line.split(separator: " ", maxSplits: 4).map(String.init)
      fields[3] = fields[3] == "f" ? "f@1000" : "f@fff000"
      return fields.joined(separator: " ")
    }
    // Two files with swapped names, one that is not in the map, one that is not in the guest, and one that is too
    // long.
    damage.swap("/dev/vg/striped", "/many/1", "/many/2")
    damage.removeAll(of: "/dev/vg/striped", "/sizes/65535")
    try damage.change(0, of: "/dev/vg/striped", "/sizes/4096") { "\($0)\n\($0) is not there" }
    try damage.change(0, of: "/dev/vg/striped", "/sizes/4095") { line in
      let fields = line.split(separator: " ")
      let end = (UInt64(fields[2], radix: 16) ?? 0) + 0x10000
      return "\(line)\n1 \(fields[1]) \(String(end, radix: 16)) f \(fields[4]) \(fields[5])"
    }
    let run = try MapperRun()
    try run.scratch.write(damage.text, to: "map")
    let outcome = try await run(["verify", "--json", mapped.disk, run.scratch("map")])
    #expect(outcome.end == .exited(1), "\(outcome.errors.text)")
    #expect(outcome.errors.text == "")
    try await run.expectNothingLeft()

    let answer = try JSONDecoder().decode(Answer.self, from: Data(outcome.output))
    let reasons = Dictionary(
      answer.wrong.map { (ObjectName(device: $0.device, path: Array($0.path.utf8)), $0.reason) }
    ) { first, _ in first }
    let expected: [(String, String, String)] = [
      (mirror, "/sizes/200000", "a copy is missing: disk 1 at \(firstLeg)"),
      (mirror, "/sizes/1048577", "a copy is missing: disk 1 at \(secondLeg)"),
      (btrfs, "/sizes/3000000", "a copy is missing: disk 1 at \(btrfsLeg)"),
      ("/dev/vg/raid1", "/sizes/6000000", "a copy is missing: disk 1 at \(volumeLeg)"),
      (ten, "/sizes/3000000", "a copy is missing: disk 1 at \(tenLeg)"),
      (far, "/sizes/200000", "a copy is missing: disk 1 at \(farLeg)"),
      (btrfs6, "/sizes/512", "a copy is missing: disk 1 at \(tripleLeg)"),
      (fat, "/is-fat", "a copy is missing: disk 1 at \(fatLeg)"),
      (mirror, "/is-mirror", "its copies differ: disk 1 at "),
      ("/dev/vg/striped", "/sizes/200000", "its bytes are not where the map says: disk 1 at "),
      (parity, "/sizes/1048577", "its bytes are not where the map says: disk 1 at "),
      ("/dev/vg/striped", "/many/1", "its bytes are not where the map says: disk 1 at "),
      ("/dev/vg/striped", "/many/2", "its bytes are not where the map says: disk 1 at "),
      ("/dev/vg/striped", "/sizes/65535", "it is not in the map"),
      ("/dev/vg/striped", "/sizes/4096 is not there", "it is not in the guest"),
      ("/dev/vg/striped", "/sizes/4095", "goes beyond its end"),
    ]
    for (device, path, reason) in expected {
      let said = reasons[ObjectName(device: device, path: Array(path.utf8))]
      #expect(said?.contains(reason) == true, "\(device) \(path): \(said ?? "nothing")")
    }
    // What is added to a file may be free space.
    let others = answer.wrong.filter { !$0.reason.hasSuffix(" is also unallocated") }
    #expect(others.count == expected.count, "\(answer.wrong)")
    let files = Set(mapped.map.lines.filter { $0.kind == "f" }.map(\.name)).count
    #expect(answer.total.proved + answer.total.excepted + answer.total.wrong >= files + 1)
    #expect(answer.excepted.allSatisfy { [btrfs, btrfs6].contains($0.device) && $0.reason == "inline" })
    #expect(answer.filesystems.count == 11 && answer.filesystems.allSatisfy { $0.proved >= 60 && $0.unverified == 0 })
  }

  /// A file with a damaged block list, next to one that is a hole.
  @Test func whatCannotBeReadIsExcepted() async throws {
    let run = try MapperRun()
    try run.scratch.makeHole("disk", size: 8 << 20)
    try run.scratch.write("here\n", to: "file")
    try run.scratch.write("", to: "nothing")
    try run.scratch.write([UInt8](repeating: 0x61, count: 100_000), to: "larger")
    try run.scratch.write(
      """
      write file right
      write larger damaged
      write nothing hole
      sif hole size 107374182400
      """, to: "commands")
    try await tool("mke2fs", ["-q", "-t", "ext2", "-b", "4096", "disk"], in: run.scratch.path)
    try await tool("debugfs", ["-w", "-f", "commands", "disk"], in: run.scratch.path)
    let blocks = try await tool("debugfs", ["-R", "blocks right", "disk"], in: run.scratch.path)
    let block = try #require(UInt64(blocks.output.text.filter { !$0.isWhitespace }), "\(blocks.output.text)")
    let status = try await tool("debugfs", ["-R", "stat damaged", "disk"], in: run.scratch.path)
    let list = try #require(try /\(IND\):([0-9]+)/.firstMatch(in: status.output.text), "\(status.output.text)")
    let disk = try FileDescriptor.open(run.scratch("disk"), .readWrite)
    try disk.closeAfter {
      let offset = try #require(Int64(list.1)) * 4096
      _ = try disk.writeAll(toAbsoluteOffset: offset, [UInt8](repeating: 0x7f, count: 4096))
    }
    let (start, end) = (String(block * 4096, radix: 16), String(block * 4096 + 4096, radix: 16))
    try run.scratch.write(
      "# virt-bmap 2\n# disk 1 size=800000 format=raw file=disk\n1 \(start) \(end) f /dev/sda /right\n", to: "map")

    let outcome = try await run(["verify", "--json", "disk", "map"])
    #expect(outcome.end == .exited(0), "\(outcome.errors.text)")
    try await run.expectNothingLeft()
    let answer = try JSONDecoder().decode(Answer.self, from: Data(outcome.output))
    #expect(answer.total.proved == 2 && answer.wrong.isEmpty)
    let excepted = Dictionary(answer.excepted.map { ($0.path, $0.reason) }) { first, _ in first }
    #expect(excepted["/damaged"]?.hasPrefix("unreadable: ") == true, "\(excepted)")
    #expect(excepted.count == 1, "\(excepted)")
  }

  /// The text that a user reads, and the status if the only file in the map does not exist.
  @Test func textForm() async throws {
    let run = try MapperRun()
    try run.scratch.makeHole("disk", size: 4 << 20)
    try run.scratch.write(
      """
      # virt-bmap 2
      # disk 1 size=400000 format=raw file=disk
      1 0 400000 v /dev/sda
      1 1000 2000 f /dev/sda1 /a\\012b

      """, to: "map")
    let outcome = try await run(["verify", "disk", "map"])
    #expect(
      outcome.output.text == """
        wrong /dev/sda1 /a\\012b: it is not in the guest
        /dev/sda1: 0 proved, 0 excepted, 1 wrong
        total: 0 proved, 0 excepted, 1 wrong

        """)
    #expect(outcome.end == .exited(1) && outcome.errors.text == "")
    try await run.expectNothingLeft()
  }

  @Test(arguments: [
    (["disk"], "give a disk and its map"), (["disk", "map", "map"], "map: a map of 1 disks, and 2 given"),
    (["nodisk", "map"], "nodisk: cannot open: No such file"), (["disk", "nomap"], "nomap: No such file"),
    (["disk", "disk"], "disk: line 1: not a block map"), (["disk", "map2014"], "the format of 2014"),
    (["disk", "other"], "other: a map of a disk of 8192 bytes; disk has 4096"),
    (["disk", "two"], "two: a map of 2 disks, and 1 given"), (["--no-such-option", "disk", "map"], "--no-such-option"),
  ])
  func whatCannotBeVerifiedIsOneLine(arguments: [String], message: String) async throws {
    let run = try MapperRun()
    try run.scratch.makeHole("disk", size: 4096)
    let header = "# virt-bmap 2\n# disk 1 size=1000 format=raw file=disk\n"
    try run.scratch.write(header, to: "map")
    try run.scratch.write("1 0 1000 f /dev/sda1 /old\n", to: "map2014")
    try run.scratch.write("# virt-bmap 2\n# disk 1 size=2000 format=raw file=disk\n", to: "other")
    try run.scratch.write(header + "# disk 2 size=1000 format=raw file=disk\n", to: "two")
    let outcome = try await run(["verify"] + arguments, launchesAppliance: false, limit: .seconds(300))
    #expect(outcome.end == .exited(2))
    #expect(outcome.output.text == "")
    #expect(outcome.errorLines.count == 1 && outcome.errors.text.hasPrefix("virt-bmap: "))
    #expect(outcome.errors.text.contains(message), "\(outcome.errors.text)")
    try await run.expectNothingLeft()
  }

  @Test func controlC() async throws {
    let mapped = try await Maps.layers.value
    let run = try MapperRun()
    let outcome = try await run(["verify", "--machine-readable", mapped.disk, mapped.file]) { running in
      try await running.waitForOutput("verifying filesystem on /dev/sda2")
      running.sendToGroup(SIGINT)
    }
    #expect(outcome.end == .signalled(SIGINT))
    #expect(outcome.errors.text == "virt-bmap: interrupted\n")
    try await run.expectNothingLeft()
  }
}

/// The text of a map, to be made wrong.
private struct Damage {
  private var lines: [String]

  init(_ map: String) { lines = map.split(separator: "\n").map(String.init) }

  var text: String { lines.map { $0 + "\n" }.joined() }

  mutating func rename(_ device: String, to name: String) {
    for index in lines.indices { lines[index].replace(" \(device) ", with: " \(name) ") }
  }

  private func indices(of device: String, _ path: String) -> [Int] {
    lines.indices.filter { lines[$0].hasSuffix(" \(device) \(path)") }
  }

  /// Removes one of a file's lines, counted in the order of the disk, and returns its START.
  mutating func remove(_ number: Int, of device: String, _ path: String) throws -> String {
    let indices = indices(of: device, path)
    try #require(number < indices.count, "\(device) \(path): \(indices.count) lines")
    return String(lines.remove(at: indices[number]).split(separator: " ")[1])
  }

  mutating func removeAll(of device: String, _ path: String) {
    for index in indices(of: device, path).reversed() { lines.remove(at: index) }
  }

  /// Replaces one of a file's lines.
  mutating func change(_ number: Int, of device: String, _ path: String, _ body: (String) -> String) throws {
    let indices = indices(of: device, path)
    try #require(number < indices.count, "\(device) \(path): \(indices.count) lines")
    lines[indices[number]] = body(lines[indices[number]])
  }

  mutating func swap(_ device: String, _ one: String, _ other: String) {
    let (first, second) = (indices(of: device, one), indices(of: device, other))
    for index in first { lines[index] = String(lines[index].dropLast(one.count)) + other }
    for index in second { lines[index] = String(lines[index].dropLast(other.count)) + one }
  }

  /// A line with its range moved up by `bytes`.
  static func shifted(_ line: String, by bytes: UInt64) -> String {
    var fields = line.split(separator: " ", maxSplits: 3).map(String.init)
    for index in 1...2 { fields[index] = String((UInt64(fields[index], radix: 16) ?? 0) + bytes, radix: 16) }
    return fields.joined(separator: " ")
  }
}
