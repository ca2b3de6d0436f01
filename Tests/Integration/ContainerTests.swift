import FoundationEssentials
import SystemPackage
import Testing

/// `virt-bmap lookup --container` finds the parts of a VMDK where qemu-img says that they are.
@Suite struct ContainerTests {
  private struct Answer: Decodable {
    struct Object: Decodable {
      struct Stored: Decodable {
        var start: UInt64
        var end: UInt64
        var state: String
        var file: String?
        var offset: UInt64?
      }
      var kind: String
      var start: UInt64
      var end: UInt64
      var path: String?
      var stored: [Stored]?
    }
    var objects: [Object]
    var part: String?
  }

  private struct Extent: Decodable {
    var start: UInt64
    var length: UInt64
    var data: Bool
    var offset: UInt64?
    var filename: String?
  }

  /// A disk of three grains of data, in one file or in several, and a map that gives each of them to a file.
  private func makeDisk(_ run: MapperRun, subformat: String) async throws -> [Extent] {
    let disk = run.scratch("disk.vmdk")
    try await tool("qemu-img", ["create", "-q", "-f", "vmdk", "-o", "subformat=\(subformat)", disk, "3G"])
    let writes = [65536, 1 << 30, (3 << 30) - 65536].flatMap { ["-c", "write -P 7 \($0) 65536"] }
    try await tool("qemu-io", ["-f", "vmdk"] + writes + [disk])
    let outcome = try await tool("qemu-img", ["map", "--output=json", "-f", "vmdk", disk])
    let extents = try JSONDecoder().decode([Extent].self, from: Data(outcome.output)).filter(\.data)
    var map = "# virt-bmap 2\n# disk 1 size=c0000000 format=vmdk file=disk.vmdk\n1 0 c0000000 v /dev/sda\n"
    for (number, extent) in extents.enumerated() {
      let (start, end) = (String(extent.start, radix: 16), String(extent.start + extent.length, radix: 16))
      map += "1 \(start) \(end) f /dev/sda1 /\(number)\n"
    }
    _ = try run.scratch.write(map, to: "disk.bmap")
    return extents
  }

  private func lookup(_ run: MapperRun, _ arguments: [String]) async throws -> Answer {
    let outcome = try await run(["lookup", "--json", "disk.bmap"] + arguments, launchesAppliance: false)
    return try JSONDecoder().decode(Answer.self, from: Data(outcome.output))
  }

  @Test(arguments: ["monolithicSparse", "twoGbMaxExtentSparse", "twoGbMaxExtentFlat"])
  func grainsAreWhereQemuPutsThem(subformat: String) async throws {
    let run = try MapperRun()
    let extents = try await makeDisk(run, subformat: subformat)
    #expect(!extents.isEmpty)
    for (number, extent) in extents.enumerated() {
      guard let offset = extent.offset else { continue }
      let named = try await lookup(run, ["--path", "/\(number)", "--container"])
      let stored = try #require(named.objects.first?.stored)
      #expect(stored.first?.offset == offset && stored.allSatisfy { $0.state == "stored" }, "\(subformat)")
      #expect(stored.reduce(0) { $0 + $1.end - $1.start } == extent.length)
      // And back, from a byte in the middle.
      let file = try #require(stored.first?.file)
      if let qemus = extent.filename { #expect(FilePath(file).lastComponent == FilePath(qemus).lastComponent) }
      let found = try await lookup(run, ["--container", "\(file):\(offset + 1000)"])
      #expect(found.objects.first?.path == "/\(number)")
      let range = try #require(found.objects.first)
      #expect((range.start..<range.end).contains(extent.start + 1000))
    }
  }

  @Test func tablesHaveNames() async throws {
    let run = try MapperRun()
    _ = try await makeDisk(run, subformat: "monolithicSparse")
    #expect(try await lookup(run, ["--container", "disk.vmdk:0"]).part == "header")
    #expect(try await lookup(run, ["--container", "disk.vmdk:512"]).part == "descriptor")
    // The header says where the directories are: sectors at offsets 48 (redundant) and 56, little-endian.
    let header = Array(try [UInt8](contentsOf: run.scratch("disk.vmdk")).prefix(512))
    func number(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) } }
    let (redundant, directory) = (number(header[48..<56]) * 512, number(header[56..<64]) * 512)
    let parts = [
      (redundant, "redundant grain directory"), (directory, "grain directory"),
    ]
    for (offset, name) in parts {
      #expect(try await lookup(run, ["--container", "disk.vmdk:\(offset + 3)"]).part == name)
    }
    // The first entry of the directory is the sector of the first table, which locates 512 grains of 64 KiB.
    let file = try [UInt8](contentsOf: run.scratch("disk.vmdk"))
    let table = number(file[Int(directory)..<Int(directory) + 4]) * 512
    #expect(try await lookup(run, ["--container", "disk.vmdk:\(table)"]).part == "grain table of bytes 0-33554432")
    for (question, message) in [
      ("disk.vmdk:99G", "beyond the end"), ("none:5", "not a file of the map's disks"), ("disk.vmdk", "FILE:OFFSET"),
    ] {
      let outcome = try await run(["lookup", "disk.bmap", "--container", question], launchesAppliance: false)
      #expect(outcome.end != .exited(0) && outcome.errorLines.count == 1 && outcome.errors.text.contains(message))
    }
  }
}
