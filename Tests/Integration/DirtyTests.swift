import SystemPackage
import Testing

/// A guest that was not shut down: the contents of its journals count, and the disk is not written to.
@Suite struct DirtyTests {
  @Test func journalsAreReplayedBesideTheDisk() async throws {
    let directory = try await Guests.dirty.value
    let disk = directory.appending("dirty.raw")
    let run = try MapperRun()
    let start = try await partitions(of: disk)[0].lowerBound
    let partition = "\(disk)?offset=\(start)"
    #expect(try await tool("dumpe2fs", ["-h", partition]).output.text.contains("needs_recovery"))
    // debugfs does not read the journal.
    #expect(try await tool("debugfs", ["-R", "stat /later", partition]).errors.text.contains("File not found"))

    let before = try await tool("sha256sum", [disk]).outputLines
    let outcome = try await run(["-o", "map", disk])
    #expect(outcome.end == .exited(0))
    #expect(outcome.errors.text == "")
    #expect(try await tool("sha256sum", [disk]).outputLines == before, "the disk was written to")

    let files = try MapText(contentsOf: run.scratch("map")).objects("f")
    var counts: [String: Int] = [:]
    for (name, lines) in files {
      let path = name.path.text.replacing("/later", with: "")
      let content = try [UInt8](contentsOf: FilePath(directory.appending("tree").string + path))
      let isSame = try Rebuild(disk: disk).bytes(size: UInt64(content.count), of: lines) == content
      #expect(isSame, "\(name): \(lines)")
      counts[name.device, default: 0] += 1
      #expect(name.path.text != "/sizes/65536")
    }
    // 49 files from before the last sync and 10 from after it. Btrfs may have the small ones of either in its tree.
    #expect(counts["/dev/sda1"] == 59 && counts["/dev/sda2"] == 59)
    #expect((55...59).contains(counts["/dev/sda3", default: 0]), "\(counts)")
    try await run.expectNothingLeft()
  }
}
