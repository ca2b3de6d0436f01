import FoundationEssentials
import SystemPackage
import Testing

/// `virt-bmap changed` on a guest whose files were changed in every way.
@Suite struct ChangedTests {
  private struct Answer: Decodable {
    struct Entry: Decodable {
      var device: String
      var path: String
      var bytes: UInt64
      var categories: [String: UInt64]
    }

    struct Name: Decodable {
      var device: String
      var path: String
      var old: String?
    }

    struct Metadata: Decodable {
      var name: String
      var bytes: UInt64
    }

    var size: UInt64
    var changed: UInt64
    var categories: [String: UInt64]
    var metadata: [Metadata]
    var files: [Entry]
    var directories: [Entry]
    var deleted: [Name]
    var renamed: [Name]
    var linked: [Name]

    /// The categories of a file on each device that has it among the changed ones.
    func file(_ path: String) -> [String: [String: UInt64]] {
      Dictionary(uniqueKeysWithValues: files.filter { $0.path == path }.map { ($0.device, $0.categories) })
    }
  }

  private static let devices = (1...5).map { "/dev/sda\($0)" }

  /// The answer for the two raw disks, and the maps that it was made from.
  private static let raw = Shared {
    let guest = try await Guests.changed.value
    let run = try MapperRun()
    for state in ["before", "after"] {
      let mapped = try await run(["-o", "\(state).bmap", guest.appending("\(state).raw")])
      try #require(mapped.end == .exited(0), "\(mapped.errors.text)")
    }
    for state in ["before", "after"] {
      try await tool("ln", ["-s", guest.appending("\(state).raw"), run.scratch("\(state).raw")])
      try await tool("touch", [run.scratch("\(state).bmap")])
    }
    return run
  }

  private func changed(_ arguments: [any Word], in run: MapperRun) async throws -> Answer {
    let outcome = try await run(["changed", "--json"] + arguments, launchesAppliance: false)
    try #require(outcome.end == .exited(0), "\(outcome.errors.text)")
    return try JSONDecoder().decode(Answer.self, from: Data(outcome.output))
  }

  @Test func everyKindOfChange() async throws {
    let answer = try await changed(["before.raw", "after.raw"], in: try await Self.raw.value)
    func expect(_ path: String, _ devices: [String], _ category: String, _ bytes: UInt64) {
      let found = answer.file(path)
      #expect(Set(found.keys) == Set(devices), "\(path)")
      for (device, categories) in found {
        // What it leaves behind elsewhere is free now, and counts as the file's, too.
        let others = Set(categories.keys).subtracting([category, "trimmed", "freed"])
        #expect(categories[category] == bytes && others.isEmpty, "\(device) \(path): \(categories)")
      }
    }
    expect("/create", Self.devices, "created", 1 << 20)
    expect("/append", Self.devices, "grown", 307_200)
    expect("/overwrite", Self.devices, "rewritten", 65536)
    expect("/replace", Self.devices, "rewritten", 262_144)
    expect("/defragment", Array(Self.devices[..<3]), "moved", 524_288)
    // Btrfs never writes in place. It does not free a part of an extent either.
    expect("/again", ["/dev/sda3"], "moved", 524_288)
    expect("/punch", Array(Self.devices[..<2]), "trimmed", 262_144)
    for (path, most) in [("/delete", 819_200), ("/trim", 1_536_000), ("/other", 524_288), ("/truncate", 786_432)] {
      let category = path == "/truncate" ? "truncated" : "deleted"
      for (device, categories) in answer.file(path) {
        // Other files may have taken some of the blocks.
        #expect(categories.keys.elementsEqual([category]) && categories[category] ?? .max <= most, "\(device) \(path)")
      }
    }
    // Nothing is made up.
    let touched: Set = [
      "/create", "/append", "/overwrite", "/replace", "/defragment", "/again", "/punch", "/delete", "/trim", "/other",
      "/truncate", "/preallocate",
    ]
    #expect(Set(answer.files.map(\.path)).subtracting(touched) == [])

    func names(_ list: [Answer.Name]) -> Set<String> {
      Set(list.map { "\($0.device) \($0.old.map { "\($0) " } ?? "")\($0.path)" })
    }
    #expect(
      names(answer.deleted) == Set(Self.devices.flatMap { ["\($0) /delete", "\($0) /trim", "\($0) /other"] }))
    #expect(
      names(answer.renamed)
        == Set(
          Self.devices.flatMap { ["\($0) /rename-old /rename-new", "\($0) /dir/moves /elsewhere/moves"] }))
    #expect(names(answer.linked) == Set(Self.devices[..<4].map { "\($0) /link-old /link-new" }))
    #expect(answer.metadata.contains { $0.name == "inode table" } && answer.metadata.contains { $0.name == "journal" })
    // A directory has at least what its files have.
    for device in Self.devices {
      let sum = answer.files.filter { $0.device == device }.reduce(0) { $0 + $1.bytes }
      let root = try #require(answer.directories.first { $0.device == device && $0.path == "/" })
      #expect(root.bytes >= sum && sum > 0)
    }
  }

  @Test func theCategoriesAddUpToTheDifference() async throws {
    let guest = try await Guests.changed.value
    let answer = try await changed(["before.raw", "after.raw"], in: try await Self.raw.value)
    let program = """
      import sys
      total = 0
      with open(sys.argv[1], "rb") as a, open(sys.argv[2], "rb") as b:
          while x := a.read(1 << 20):
              y = b.read(1 << 20)
              if x != y:
                  total += sum(512 for i in range(0, len(x), 512) if x[i:i + 512] != y[i:i + 512])
      print(total)
      """
    let difference = try await tool(
      "python3", ["-c", program, guest.appending("before.raw"), guest.appending("after.raw")])
    #expect(difference.output.text == "\(answer.changed)\n")
    #expect(answer.categories.values.reduce(0, +) == answer.changed)
    #expect(answer.categories["same"] == 0 && answer.categories["unaccounted"] == 0)
  }

  @Test(arguments: ["vmdk", "qcow2"])
  func aSnapshotIsComparedWithItsParent(format: String) async throws {
    let guest = try await Guests.changed.value
    let states = try await Self.raw.value
    let run = try MapperRun()
    for (name, state) in [("base", "before"), ("child", "after")] {
      try await tool("ln", [guest.appending("\(name).\(format)"), run.scratch("\(name).\(format)")])
      let map = try [UInt8](contentsOf: states.scratch("\(state).bmap")).text
      _ = try run.scratch.write(
        map.replacing(guest.appending("\(state).raw").string, with: "\(name).\(format)"), to: "\(name).bmap")
    }
    let answer = try await changed(["--allow-external", "child.\(format)"], in: run)
    struct Part: Decodable {
      var length: UInt64
      var depth: Int
      var present: Bool
    }
    let parts = try await tool(
      "qemu-img", ["map", "--output=json", "-f", format, run.scratch("child.\(format)")])
    let stored = try JSONDecoder().decode([Part].self, from: Data(parts.output)).filter { $0.depth == 0 && $0.present }
    #expect(answer.changed == stored.reduce(0) { $0 + $1.length })
    #expect(answer.categories.values.reduce(0, +) == answer.changed)
    // The same files have changed, and what was only copied counts as the same.
    let expected = try await changed(["before.raw", "after.raw"], in: states)
    for category in ["created", "rewritten", "grown", "trimmed"] {
      #expect(answer.categories[category] == expected.categories[category], "\(category)")
    }
    #expect(answer.categories["same"] ?? 0 > 0)
    if format == "qcow2" {
      let refused = try await run(["changed", "child.qcow2"], launchesAppliance: false)
      #expect(refused.end == .exited(1) && refused.errorLines.count == 1)
      #expect(refused.errors.text.contains("--allow-external"))
    }
  }

  @Test func whatCannotBeCompared() async throws {
    let run = try MapperRun()
    let map = "# virt-bmap 2\n# disk 1 size=1000 format=raw file=a\n1 0 1000 v /dev/sda\n"
    _ = try run.scratch.write(map, to: "a.bmap")
    _ = try run.scratch.write(map.replacing("1000", with: "2000"), to: "b.bmap")
    _ = try run.scratch.write(
      map.replacing("1 0 1000 v", with: "# disk 2 size=1000\n1 0 1000 v"), to: "two.bmap")
    _ = try run.scratch.write("1 0 1000 v /dev/sda\n", to: "old.bmap")
    _ = try run.scratch.write("0-0x200\n", to: "list")
    _ = try run.scratch.write("0-0x2000\n", to: "beyond")
    try await tool("qemu-img", ["create", "-q", "-f", "vmdk", run.scratch("base.vmdk"), "1M"])
    try await tool(
      "qemu-img",
      ["create", "-q", "-f", "vmdk", "-b", run.scratch("base.vmdk"), "-F", "vmdk", run.scratch("child.vmdk")])
    try await tool("mv", [run.scratch("base.vmdk"), run.scratch("elsewhere.vmdk")])
    for (arguments, message) in [
      ([], "give a snapshot, or two disks"), (["a.bmap"], "not a snapshot"),
      (["a.bmap", "a.bmap"], "--ranges"), (["a.bmap", "b.bmap", "--ranges", "list"], "different sizes"),
      (["a.bmap", "two.bmap", "--ranges", "list"], "choose one with --disk"),
      (["old.bmap", "old.bmap", "--ranges", "list"], "2014"),
      (["a.bmap", "a.bmap", "--ranges", "beyond"], "beyond"), (["a.bmap", "a.bmap", "--ranges", "none"], "none"),
      (["child.vmdk"], "base.vmdk"), (["elsewhere.vmdk"], "no parent"),
      (["elsewhere.vmdk", "nowhere"], "nowhere"),
    ] {
      let outcome = try await run(["changed"] + arguments, launchesAppliance: false)
      #expect(outcome.end != .exited(0) && outcome.output.isEmpty, "\(arguments)")
      #expect(
        outcome.errorLines.count == 1 && outcome.errors.text.contains(message), "\(arguments): \(outcome.errors.text)")
    }
  }
}
