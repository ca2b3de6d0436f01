import FoundationEssentials
import SystemPackage
import Testing

/// Unusual filesystems: one with a journal that was not replayed, one with files of terabytes that are mostly holes,
/// one with encrypted files and no key, and one that cannot be examined at all. What the map has of them, and what
/// `virt-bmap verify` reports.
@Suite struct VerifyUnusualTests {
  private struct Answer: Decodable {
    struct Filesystem: Decodable {
      var device: String?
      var proved: Int
      var excepted: Int
      var reasons: [String: Int]
      var wrong: Int
      var unverified: Int
    }
    var filesystems: [Filesystem]
    var total: Filesystem
  }

  /// A correct map is proved, and one line reports what cannot be verified. Then errors are put into the same map.
  @Test func eachFilesystemIsVerifiedByItself() async throws {
    let run = try MapperRun()
    let disks = UnusualFilesystems(scratch: run.scratch)
    let (journal, replayed) = try await disks.dataInJournal()
    let (other, content) = try await disks.damagedAndSparse()
    let (locked, ranges) = try await disks.encrypted()
    let before = try await tool("sha256sum", [journal])
    let mapped = try await run(["-o", "map", journal, other, locked])
    let map = try MapText(contentsOf: run.scratch("map"))

    // The map has the files where the guest will find them, which is where the journal puts them.
    let lines = map.lines("f", "/dev/sda", Array("/dir/after".utf8))
    #expect(
      try Rebuild(disk: replayed).bytes(size: UInt64(content.count), of: lines) == content, "\(mapped.errors.text)")
    #expect(try Rebuild(disk: journal).bytes(size: UInt64(content.count), of: lines) != content)
    let offset = String(try #require(lines.first).range.lowerBound)
    let found = try await run(["lookup", "map", "--offset", offset], launchesAppliance: false)
    #expect(found.output.text.contains("/dev/sda /dir/after"), "\(found.output.text)")

    // Encrypted files have the names that the kernel makes from their encrypted names.
    // Blocks 60 to 99 of the second are reserved for it.
    let encrypted = map.lines.filter {
      ["f", "a"].contains($0.kind) && $0.device.text == "/dev/sdc" && $0.path.text != "/plain"
    }
    let files = Dictionary(grouping: encrypted) { $0.path.text }
    let areEncrypted = files.keys.allSatisfy { $0.hasPrefix("/locked/") && !$0.contains(" ") }
    #expect(files.count == 2 && areEncrypted, "\(files.keys)")
    for lines in files.values {
      let blocks = lines.sorted { $0.offset < $1.offset }.flatMap { line in
        stride(from: line.range.lowerBound, to: line.range.upperBound, by: 1024)
      }
      let depth = lines.first?.path.filter { $0 == 0x2f }.count
      let reserved = lines.filter { $0.kind == "a" }.map { $0.offset..<$0.offset + UInt64($0.range.count) }
      #expect(reserved == (depth == 2 ? [] : [60 << 10..<100 << 10]), "\(lines)")
      #expect(blocks == ranges[depth == 2 ? 300_000 : 50_000]?.map(\.lowerBound), "\(lines)")
    }
    #expect(map.lines.filter { $0.kind == "d" && $0.path.starts(with: Array("/locked".utf8)) }.count == 2)
    #expect(!mapped.errors.text.contains("/dev/sdc"), "\(mapped.errors.text)")

    // Two changed maps: one with a file on the filesystem that cannot be examined, and one with wrong lines on the
    // others.
    let text = try [UInt8](contentsOf: run.scratch("map")).text
    let start = try #require(map.lines("f", "/dev/sdb2", Array("/lastlog".utf8)).first).range.lowerBound
    let lastlog = "\(String(start, radix: 16)) \(String(start + 4096, radix: 16)) f@10000000000 /dev/sdb2 /lastlog"
    #expect(text.contains(lastlog))
    let hole = "2 \(String(start, radix: 16)) \(String(start + 4096, radix: 16)) f@20000000 /dev/sdb2 /hole\n"
    try run.scratch.write(text + "2 101000 102000 f /dev/sdb1 /file\n", to: "right")
    try run.scratch.write(
      text.replacing(lastlog, with: lastlog.replacing("@1", with: "@2")).replacing("/dir/after", with: "/small2")
        + hole,
      to: "wrong")

    let outcome = try await run(
      ["verify", "--json", journal, other, locked, run.scratch("right")], limit: .seconds(600))
    #expect(outcome.end == .exited(2), "\(outcome.output.text) \(outcome.errors.text)")
    #expect(outcome.errorLines.count == 1, "\(outcome.errors.text)")
    #expect(
      outcome.errors.text.hasPrefix("virt-bmap: warning: filesystem on /dev/sdb1 (vfat) cannot be verified: "),
      "\(outcome.errors.text)")
    let answer = try JSONDecoder().decode(Answer.self, from: Data(outcome.output))
    let results = Dictionary(answer.filesystems.map { ($0.device ?? "", $0) }) { first, _ in first }
    #expect(results["/dev/sda"]?.proved == 2)
    #expect(results["/dev/sdb1"]?.unverified == 1 && results["/dev/sdb1"]?.proved == 0)
    #expect(results["/dev/sdb2"]?.proved == 5)
    #expect(results["/dev/sdc"]?.proved == 1 && results["/dev/sdc"]?.reasons == ["encrypted": 2])
    #expect(answer.total.wrong == 0 && answer.total.excepted == 2, "\(outcome.output.text)")

    let wrong = try await run(["verify", journal, other, locked, run.scratch("wrong")], limit: .seconds(600))
    #expect(wrong.end == .exited(1), "\(wrong.errors.text)")
    let said = Set(wrong.outputLines.filter { $0.hasPrefix("wrong ") }.compactMap { $0.split(separator: ":").first })
    #expect(
      said == [
        "wrong /dev/sda /dir/after", "wrong /dev/sda /small2", "wrong /dev/sdb2 /lastlog", "wrong /dev/sdb2 /hole",
      ])
    #expect(try await tool("sha256sum", [journal]).output == before.output, "the disk was written to")
    try await run.expectNothingLeft()
  }
}
