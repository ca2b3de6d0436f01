import SystemPackage
import Testing

/// The guest with thin and cached volumes, its map, and what device-mapper said of its volumes.
struct ThinGuest: Sendable {
  var directory: FilePath
  var map: MapText
  var file: FilePath
  var outcome: Outcome

  /// The thin volumes in the order of their numbers in the pool, from 1.
  static let thin = (0..<20).map { "v\($0)" }
  static let cached = ["dirty", "old", "open", "through"]

  /// The sound disks.
  static let mapped = Shared { try await map(["thin.raw", "cache.raw"], as: "thin") }
  /// A disk with damaged thin pools, and one whose cached volume lacks its cache.
  static let broken = Shared { try await map(["damaged.raw", "slow.raw"], as: "thin-broken") }

  var disks: [FilePath] { ["thin.raw", "cache.raw"].map { directory.appending($0) } }

  private static func map(_ disks: [String], as name: String) async throws -> ThinGuest {
    let directory = try await Guests.thin.value
    let run = try MapperRun()
    let file = Products.package.appending(".build/integration/\(name).bmap")
    let outcome = try await run(["-q", "-o", file] + disks.map { directory.appending($0) }, limit: .seconds(600))
    try await run.expectNothingLeft()
    return ThinGuest(directory: directory, map: try MapText(contentsOf: file), file: file, outcome: outcome)
  }

  /// The words of each line of lvm.dump that begins with this name.
  func lines(of name: String) throws -> [[Substring]] {
    try [UInt8](contentsOf: directory.appending("lvm.dump")).text.split(separator: "\n")
      .map { $0.split(separator: " ") }.filter { $0.first == "\(name):" }
  }

  /// The range of the disk that a hidden linear volume has. A part of another volume (`-cdata`) starts in it.
  func range(of name: String) throws -> Range<UInt64> {
    let words = try #require(lines(of: name).first { $0.count == 6 && $0[3] == "linear" }, "\(name)")
    let (count, offset) = (try #require(UInt64(words[2])) * 512, try #require(UInt64(words[5])) * 512)
    let base: UInt64
    if words[4].hasPrefix("8:"), let minor = Int(words[4].dropFirst(2)) {
      // The disks were attached in this order: sda is the first one in the map, too.
      let device = "/dev/sd\(minor < 16 ? "a" : "b")\(minor % 16)"
      base = try #require(map.lines("p", device).first).range.lowerBound
    } else {
      base = try range(of: String(name.prefix { $0 != "-" }) + "-" + name.split(separator: "-")[1]).lowerBound
    }
    return base + offset..<base + offset + count
  }

  /// What a tool says of the metadata in a range of a disk: the attributes of each element of its XML.
  func dump(_ program: String, _ range: Range<UInt64>, of disk: String) async throws -> [[String: String]] {
    let scratch = try Scratch()
    let bytes = try FileDescriptor.open(directory.appending(disk), .readOnly).closeAfterBytes(of: range)
    let text = try await tool(program, [try scratch.write(bytes, to: "metadata")])
    return text.outputLines.map { line in
      Dictionary(
        line.matches(of: #/([a-z_]+)="([a-z0-9]*)"/#).map { (String($0.1), String($0.2)) }, uniquingKeysWith: { $1 })
    }
  }

  /// Checks that the map has the files of a volume and no others, and that they have the right bytes.
  /// - Parameter expected: the directory with the files.
  func checkFiles(of device: String, on disk: String, are expected: String) throws {
    let directory = self.directory.appending("expected/\(expected)")
    let rebuild = Rebuild(disk: self.directory.appending(disk))
    let found = map.objects("f").filter { $0.key.device == device }
    let all = try names(in: directory)
    #expect(Set(found.keys.map { String($0.path.text.dropFirst()) }) == Set(all), "\(device)")
    for name in all {
      let content = try [UInt8](contentsOf: directory.appending(name))
      let lines = found[ObjectName(device: device, path: Array("/\(name)".utf8))] ?? []
      #expect(try rebuild.bytes(size: UInt64(content.count), of: lines) == content, "\(device): \(name)")
    }
  }
}

extension FileDescriptor {
  func closeAfterBytes(of range: Range<UInt64>) throws -> [UInt8] {
    try closeAfter { try bytes(at: range.lowerBound, count: range.count) }
  }
}
