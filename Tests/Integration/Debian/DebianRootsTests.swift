import FoundationEssentials
import SystemPackage
import Testing

/// A Debian root filesystem on each type of filesystem, on partitions and on thin volumes: every byte of the disk is
/// accounted for. This takes long, so it is part of `make check-debian` and not of `make check`.
@Suite struct DebianRootsTests {
  /// The filesystems by their marks, with the least number of files on each.
  private static let filesystems = [
    ("ext4", 5_000), ("xfs", 5_000), ("rmap", 5_000), ("btrfs", 5_000), ("lzo", 5_000), ("raid1", 5_000),
    ("ntfs", 600), ("fat", 600), ("exfat", 600),
  ]

  private struct Mapped: Sendable {
    var disk: FilePath
    var file: FilePath
    var map: MapText

    /// The name of the device whose filesystem holds the file /is-MARK.
    func device(_ mark: String) throws -> String {
      try #require(map.lines.first { $0.path == Array("/is-\(mark)".utf8) }, "\(mark)").device.text
    }
  }

  private static let mapped = Shared {
    let disk = try await Guests.roots.value.appending("roots.raw")
    let run = try MapperRun()
    let file = Products.package.appending(".build/integration/roots.bmap")
    let outcome = try await run(["-q", "-o", file, disk], limit: .seconds(7200))
    guard outcome.end == .exited(0), outcome.errors.text == "" else {
      throw TestFailure("virt-bmap: \(outcome.end): \(outcome.errors.text.suffix(2000))")
    }
    try await run.expectNothingLeft()
    return Mapped(disk: disk, file: file, map: try MapText(contentsOf: file))
  }

  private struct Summary: Decodable {
    struct Part: Decodable {
      struct Bytes: Decodable { var unaccounted: UInt64 }
      var bytes: Bytes
      var device: String?
    }
    var disks: [Part]
    var devices: [Part]
  }

  @Test func everyByteIsAccountedFor() async throws {
    let mapped = try await Self.mapped.value
    let output = try await tool(try Products.mapper.string, ["summary", "--json", mapped.file]).output
    let summary = try JSONDecoder().decode(Summary.self, from: Data(output))
    #expect(summary.disks.map(\.bytes.unaccounted) == [0])
    for (mark, _) in Self.filesystems {
      for place in ["p-", ""] {
        let device = try mapped.device(place + mark)
        #expect(device.hasPrefix(place == "" ? "/dev/tv/" : "/dev/sda"))
        let part = try #require(summary.devices.first { $0.device == device })
        #expect(part.bytes.unaccounted == 0, "\(device): \(mark)")
      }
    }
  }

  @Test func everyFileIsProved() async throws {
    let mapped = try await Self.mapped.value
    let run = try MapperRun()
    let outcome = try await run(["verify", "-q", mapped.disk, mapped.file], limit: .seconds(7200))
    #expect(outcome.end == .exited(0), "\(outcome.output.text.suffix(2000))\(outcome.errors.text)")
  }

  @Test func everyFilesystemIsMapped() async throws {
    let mapped = try await Self.mapped.value
    let files = Dictionary(grouping: mapped.map.lines.filter { $0.kind == "f" }, by: \.device)
    for (mark, least) in Self.filesystems {
      let counts = try ["p-", ""].map { place in
        Set(try files[Array(mapped.device(place + mark).utf8), default: []].map(\.path)).count
      }
      #expect(counts[0] == counts[1] && counts[0] >= least, "\(mark): \(counts)")
    }
  }
}
