import Foundation
import SystemPackage
import Testing

/// `virt-bmap summary` on small maps, as a user calls it.
@Suite struct SummaryTests {
  private static let map = """
    # virt-bmap 2
    # disk 1 size=10000 format=raw file=d\\040isk
    # disk 2 size=1000 format=raw file=e
    # device /dev/sda1 type=ext4
    1 0 200 b /dev/sda MBR
    1 0 10000 v /dev/sda
    1 1000 9000 p /dev/sda1
    1 1000 2000 m /dev/sda1 superblock
    1 2000 4000 f /dev/sda1 /large
    1 2000 4000 f /dev/sda1 /large-too
    1 3000 5000 f /dev/sda1 /other
    1 5000 5800 a@2000 /dev/sda1 /other
    1 6000 7000 u /dev/sda1
    1 a000 b000 z /dev/sda1 later
    2 0 1000 v /dev/sdb

    """

  private func summary(_ arguments: [String], map: String = Self.map) async throws -> Outcome {
    let scratch = try Scratch()
    try Data(map.utf8).write(to: URL(fileURLWithPath: scratch("map").string))
    return try await run(try Products.mapper.string, ["summary", scratch("map")] + arguments)
  }

  @Test func text() async throws {
    let outcome = try await summary([])
    #expect(outcome.end == .exited(0) && outcome.errors.text == "")
    #expect(
      outcome.output.text == """
        disk 1: d isk
            size: 64 KiB (65536 bytes)
            files: 12 KiB (12288 bytes), 18.75 %
            metadata: 8 KiB (8192 bytes), 12.50 %
            boot: 512 bytes, 0.78 %
            unwritten: 2 KiB (2048 bytes), 3.12 %
            free: 4 KiB (4096 bytes), 6.25 %
            unaccounted: 37.5 KiB (38400 bytes), 58.59 %
        disk 2: e
            size: 4 KiB (4096 bytes)
            unaccounted: 4 KiB (4096 bytes), 100.00 %
        device /dev/sda:
            boot: 512 bytes, 1.78 %
            unaccounted: 27.5 KiB (28160 bytes), 98.21 %
            objects: 1
        device /dev/sda1:
            type: ext4
            files: 12 KiB (12288 bytes), 33.33 %
            metadata: 8 KiB (8192 bytes), 22.22 %
            unwritten: 2 KiB (2048 bytes), 5.55 %
            free: 4 KiB (4096 bytes), 11.11 %
            unaccounted: 10 KiB (10240 bytes), 27.77 %
            objects: 7
        device /dev/sdb:
            unaccounted: 4 KiB (4096 bytes), 100.00 %
            objects: 0
        largest files:
            /dev/sda1:/large: 8 KiB (8192 bytes)
            /dev/sda1:/other: 8 KiB (8192 bytes)
        summary: 38.97 % of 69632 bytes accounted for (files 17.6 %, metadata 11.7 %, boot 0.7 %, unwritten 2.9 %, free 5.8 %)

        """)
  }

  @Test func json() async throws {
    let outcome = try await summary(["--json"])
    #expect(outcome.end == .exited(0))
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(outcome.output)) as? [String: Any])
    #expect(object["size"] as? Int == 69632 && object["accounted"] as? Int == 27136)
    let disks = try #require(object["disks"] as? [[String: Any]])
    #expect(disks.map { $0["file"] as? String } == ["d isk", "e"])
    let bytes = try #require(disks.first?["bytes"] as? [String: Int])
    #expect(
      bytes == [
        "files": 12288, "directories": 0, "metadata": 8192, "boot": 512, "swap": 0, "parity": 0, "unwritten": 2048,
        "free": 4096, "unaccounted": 38400,
      ])
    let devices = try #require(object["devices"] as? [[String: Any]])
    #expect(devices.map { $0["device"] as? String } == ["/dev/sda", "/dev/sda1", "/dev/sdb"])
    #expect(devices.map { $0["type"] as? String } == [nil, "ext4", nil])
    let largest = try #require(object["largest"] as? [[String: Any]])
    #expect(largest.map { $0["path"] as? String } == ["/large", "/other"])
  }

  @Test func unaccountedRanges() async throws {
    let outcome = try await summary(["--unaccounted"])
    #expect(
      outcome.output.text == """
        1 200 1000 /dev/sda
        1 5800 6000 /dev/sda1
        1 7000 9000 /dev/sda1
        1 9000 a000 /dev/sda
        1 b000 10000 /dev/sda
        2 0 1000 /dev/sdb

        """)
    let json = try await summary(["--unaccounted", "--json"])
    #expect(json.outputLines.first == #"{"device":"/dev/sda","disk":1,"end":4096,"start":512}"#)
    #expect(json.outputLines.count == 6)
  }

  /// A map without a header does not say how large the disks are, and its letters end with `f`.
  @Test func aMapOf2014() async throws {
    let outcome = try await summary([], map: "1 0 1000 v /dev/sda\n1 0 800 f /dev/sda1 /file\n")
    #expect(outcome.end == .exited(0))
    #expect(outcome.outputLines.last == "summary: 50.00 % of 4096 bytes accounted for (files 50.0 %)")
  }

  @Test func badMaps() async throws {
    for (map, message) in [
      ("# virt-bmap 2\n1 0 zz f /dev/sda1 /x\n", "line 2"),
      ("# virt-bmap 2\n# disk 1 size=1000\n1 0 1000 v /dev/sda", "newline"),
    ] {
      let outcome = try await summary([], map: map)
      #expect(outcome.end == .exited(1) && outcome.output.isEmpty)
      #expect(outcome.errorLines.count == 1 && outcome.errors.text.contains(message), "\(outcome.errors.text)")
    }
    let missing = try await run(try Products.mapper.string, ["summary", "/nonexistent"])
    #expect(missing.end == .exited(1) && missing.errorLines.count == 1)
  }

  /// Names of a guest cannot control the terminal.
  @Test func hostileNames() async throws {
    let map = "# virt-bmap 2\n# disk 1 size=1000 format=raw file=d\n1 0 1000 f /dev/sda1 /a\\033[31m\u{9b}b\\012c\n"
    for arguments in [[], ["--json"], ["--unaccounted"]] {
      let outcome = try await summary(arguments, map: map)
      #expect(outcome.end == .exited(0))
      #expect(outcome.output.allSatisfy { $0 >= 0x20 || $0 == 0x0a })
      #expect(!outcome.output.text.contains("\u{9b}"))
    }
  }
}
