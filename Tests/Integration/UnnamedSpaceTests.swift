import Glibc
import SystemPackage
import Testing

/// EROFS, ISO 9660, HFS+, UDF and F2FS, made by their own tools: every byte has a name, and what is named last is
/// really there.
@Suite struct UnnamedSpaceTests {
  private static let environment: [String: String?] = [
    "LIBGUESTFS_BACKEND_SETTINGS": MapperRun.emulated, "LIBGUESTFS_CACHEDIR": "/var/tmp",
  ]

  /// Directories of several blocks, long names, extended attributes and symbolic links.
  private func makeTree(_ scratch: Scratch) async throws -> FilePath {
    var files: [FilePath] = []
    let tree = try scratch.makeDirectory("tree")
    for path in ["tree/many", "tree/a", "tree/a/b", "tree/a/b/c"] { _ = try scratch.makeDirectory(path) }
    for number in 0..<200 {
      let name = "tree/many/\(number) \(String(repeating: "x", count: number % 2 == 0 ? 40 : 150))"
      try scratch.write((0..<number * 40).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 5 | 1) }, to: name)
      files.append(scratch(name))
    }
    // Not every filesystem of a host has them.
    let value = String(repeating: "value", count: 40)
    _ = try await run("setfattr", ["-n", "user.attribute", "-v", value] + files)
    try scratch.write((0..<2_000_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 9) }, to: "tree/large")
    try scratch.write([UInt8](repeating: 0x41, count: 5000), to: "tree/boot")
    for number in 0..<50 {
      guard symlink("a/b/" + String(repeating: "c", count: 4 * number), tree.appending("link\(number)").string) == 0
      else { throw TestFailure("symlink: errno \(errno)") }
    }
    return tree
  }

  /// The disks, in the order of their devices.
  private func makeDisks(_ scratch: Scratch) async throws -> [FilePath] {
    let tree = try await makeTree(scratch)
    @Sendable func disk(_ name: String) -> FilePath { scratch("\(name).raw") }
    try await tool("mkfs.erofs", [disk("erofs"), tree])
    try await tool("mkfs.erofs", ["-zlz4hc", disk("lz4"), tree])
    try await tool(
      "xorriso",
      [
        "-as", "mkisofs", "-quiet", "-R", "-J", "-b", "boot", "-no-emul-boot", "-boot-load-size", "4", "-c", "catalog",
        "-o", disk("iso"), tree,
      ])
    try await tool("xorriso", ["-as", "mkisofs", "-quiet", "-R", "-hfsplus", "-o", scratch("hybrid"), tree])
    let hybrid = try [UInt8](contentsOf: scratch("hybrid"))
    func number(_ offset: Int) -> Int { hybrid[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) } }
    // The Apple partition map has entries of 512 bytes.
    let entry = try #require(
      (1..<8).map { $0 * 512 }.first { hybrid[$0 + 48..<$0 + 57].elementsEqual("Apple_HFS".utf8) })
    let start = number(entry + 8) * 512
    try scratch.write(Array(hybrid[start..<start + number(entry + 12) * 512]), to: "hfsplus.raw")
    _ = try scratch.makeHole("f2fs.raw", size: 128 << 20)
    try await tool("mkfs.f2fs", ["-q", disk("f2fs")])
    try await tool("sload.f2fs", ["-f", tree, disk("f2fs")])
    _ = try scratch.makeHole("udf.raw", size: 32 << 20)
    try await tool("mkudffs", ["-b", "2048", "--media-type=hd", disk("udf")])
    try await tool("tar", ["-C", tree, "-cf", scratch("tar"), "."])
    try await Slots.virtualMachines.run {
      _ = try await tool(
        "guestfish", environment: Self.environment,
        input: """
          add-drive "\(disk("udf"))" format:raw
          run
          mount /dev/sda /
          tar-in "\(scratch("tar"))" /
          rm-rf /a
          umount /

          """, limit: .seconds(600))
    }
    return ["erofs", "lz4", "iso", "hfsplus", "f2fs", "udf"].map(disk)
  }

  @Test func everyByteHasAName() async throws {
    let run = try MapperRun()
    let disks = try await makeDisks(run.scratch)
    let outcome = try await run(["-q", "-o", "map"] + disks)
    #expect(outcome.end == .exited(0), "\(outcome.errors.text)")
    let unaccounted = try await run(["summary", "--unaccounted", "map"], launchesAppliance: false)
    #expect(unaccounted.end == .exited(0) && unaccounted.output.text == "")
    let map = try MapText(contentsOf: run.scratch("map"))
    let named: [(String, [String])] = [
      ("a", ["inodes"]), ("b", ["inodes"]), ("c", ["directory records", "unreferenced sectors"]),
      ("d", ["symbolic links"]), ("e", ["nodes"]), ("f", ["file set descriptor", "file entries"]),
    ]
    for (letter, names) in named {
      let lines = map.lines.filter { $0.device.text == "/dev/sd\(letter)" && $0.kind != "v" }
      for name in names { #expect(lines.contains { $0.path.text == name }, "\(letter): \(name)") }
      let free = lines.filter { $0.kind == "u" }.map(\.range)
      for line in lines where line.kind != "u" { #expect(!free.contains { $0.overlaps(line.range) }, "\(line)") }
    }
    try expectContents(map, disks)
    // Each file and each directory of UDF has an entry, and so have the streams of the whole filesystem.
    let information = try await tool("udfinfo", [disks[5]]).output.text
    let counts = information.matches(of: /num(?:files|dirs)=([0-9]+)/).compactMap { UInt64($0.1) }
    let entries = map.lines("m", "/dev/sdf", Array("file entries".utf8)).reduce(0) { $0 + $1.range.count }
    #expect(counts.count == 2 && entries > 200 * 2048, "\(information)")
    #expect(UInt64(entries) == (counts.reduce(0, +) + 1) * 2048, "\(information)")
  }

  /// Symbolic links hold their targets; what nothing refers to is empty; and what is called metadata is no part of a
  /// large file, which would be the worst mistake.
  private func expectContents(_ map: MapText, _ disks: [FilePath]) throws {
    let volume = try [UInt8](contentsOf: disks[3])
    var links = 0
    for line in map.lines("m", "/dev/sdd", Array("symbolic links".utf8)) {
      for start in stride(from: Int(line.range.lowerBound), to: Int(line.range.upperBound), by: 2048) {
        #expect(volume[start..<start + 4].elementsEqual("a/b/".utf8))
        links += 1
      }
    }
    #expect(links == 50)
    let image = try [UInt8](contentsOf: disks[2])
    for line in map.lines("m", "/dev/sdc", Array("unreferenced sectors".utf8)) {
      #expect(image[Int(line.range.lowerBound)..<Int(line.range.upperBound)].allSatisfy { $0 == 0 })
    }
    for letter in ["c", "d", "e", "f"] {
      let size = map.lines("f", "/dev/sd\(letter)", Array("/large".utf8)).reduce(0) { $0 + $1.range.count }
      #expect(size >= 2_000_000, "\(letter)")
    }
  }
}
