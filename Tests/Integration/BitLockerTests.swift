import SystemPackage
import Testing

/// BitLocker volumes that Windows made, opened with each kind of key.
@Suite struct BitLockerTests {
  private struct Mapped: Sendable {
    var directory: FilePath
    var file: FilePath
    var map: MapText
    var outcome: Outcome
  }

  private static func keys(_ directory: FilePath) -> [any Word] {
    BitLockerVolume.all.flatMap { volume -> [any Word] in
      // A startup key is found by trying all of them.
      volume.kind == .startup
        ? ["--key", "all:file:\(directory.appending(volume.key))"] : ["--key", "\(volume.device):key:\(volume.key)"]
    }
  }

  private static let mapped = Shared {
    let directory = try await Guests.bitLocker.value
    let run = try MapperRun()
    let file = Products.package.appending(".build/integration/bitlocker.bmap")
    let outcome = try await run(
      ["-q", "-o", file] + keys(directory) + BitLockerVolume.all.map { directory.appending($0.image) })
    try await run.expectNothingLeft()
    return Mapped(directory: directory, file: file, map: try MapText(contentsOf: file), outcome: outcome)
  }

  @Test func everyByteIsAccountedFor() async throws {
    let mapped = try await Self.mapped.value
    #expect(mapped.outcome.end == .exited(0) && mapped.outcome.errors.text == "", "\(mapped.outcome.errors.text)")
    let summary = try await tool(try Products.mapper.string, ["summary", "--unaccounted", mapped.file])
    #expect(summary.output.text == "")
  }

  /// The opened volume is where the encrypted one is, but for its start, and for BitLocker's own data, which is named.
  @Test(arguments: BitLockerVolume.all)
  func volumes(_ volume: BitLockerVolume) async throws {
    let map = try await Self.mapped.value.map
    let oracle = try await volume.oracle()
    #expect(oracle.metadata.count == 3 && oracle.header.count == 8192)
    func place(_ range: Range<UInt64>) -> Range<UInt64> {
      volume.start + range.lowerBound..<volume.start + range.upperBound
    }
    let metadata = map.lines("m", volume.device, Array("BitLocker metadata".utf8))
    #expect(Set(metadata.map(\.range)) == Set(oracle.metadata.map(place)))
    let headers = map.lines("m", volume.device, Array("BitLocker header".utf8))
    #expect(headers.map(\.range) == [place(0..<8192)])

    var position: UInt64 = 0
    for line in map.lines("l", volume.opened).sorted(by: { $0.offset < $1.offset }) {
      #expect(line.disk == volume.disk)
      if line.offset == 0 {
        #expect(line.range == place(oracle.header))
      } else {
        #expect(line.range.lowerBound == volume.start + line.offset)
        if line.offset != position {
          // The start of the filesystem follows a copy of the metadata.
          let own = oracle.metadata + [oracle.header]
          let gap = own.filter { $0.lowerBound >= position && $0.upperBound <= line.offset }
          #expect(gap.reduce(0) { $0 + $1.count } == Int(line.offset - position), "\(position)..<\(line.offset)")
        }
      }
      position = line.offset + UInt64(line.range.count)
    }
    #expect(position == BitLockerVolume.size)
  }

  /// The ranges of each file, moved to the decrypted volume, hold its content there.
  @Test(arguments: BitLockerVolume.all)
  func files(_ volume: BitLockerVolume) async throws {
    let mapped = try await Self.mapped.value
    let scratch = try Scratch()
    try await volume.decrypt(to: scratch("plain"))
    #expect(try fileSize(scratch("plain")) == BitLockerVolume.size)
    let oracle = try await volume.oracle()
    let parts = mapped.map.lines("l", volume.opened)
    let files = mapped.map.objects("f").filter { $0.key.device == volume.opened }
    var own = 0
    for (name, lines) in files {
      let moved = try lines.map { line in
        let part = try #require(parts.first { $0.disk == line.disk && $0.range.clamped(to: line.range) == line.range })
        var line = line
        let start = part.offset + line.range.lowerBound - part.range.lowerBound
        line.range = start..<start + UInt64(line.range.count)
        return line
      }
      guard !name.path.text.hasPrefix("/System Volume Information/") else {
        own += 1
        // What BitLocker uses of this file is not the file's in the map.
        for range in moved.map(\.range) { #expect(!oracle.metadata.contains { $0.overlaps(range) }) }
        #expect(moved.reduce(0) { $0 + $1.range.count } < 1 << 20)
        continue
      }
      let content = try [UInt8](contentsOf: FilePath("\(mapped.directory)/tree\(name.path.text)"))
      let isSame = try Rebuild(disk: scratch("plain")).bytes(size: UInt64(content.count), of: moved) == content
      #expect(isSame && moved.reduce(0) { $0 + $1.range.count } >= content.count, "\(name): \(lines)")
    }
    #expect(own == 3 && files.count == 3 + 38)
  }

  @Test func theMapIsProved() async throws {
    let mapped = try await Self.mapped.value
    let run = try MapperRun()
    let outcome = try await run(
      ["verify"] + Self.keys(mapped.directory) + BitLockerVolume.all.map { mapped.directory.appending($0.image) }
        + [mapped.file])
    #expect(outcome.end == .exited(0) && outcome.errors.text == "", "\(outcome.errors.text)")
    #expect(outcome.outputLines.last?.hasPrefix("total: 123 proved, ") == true, "\(outcome.output.text)")
  }

  /// Without its key, or with a wrong one, a volume costs one line, and the rest is mapped.
  @Test func withoutTheirKeys() async throws {
    let directory = try await Guests.bitLocker.value
    let run = try MapperRun()
    let outcome = try await run(
      [
        "-q", "-o", "map", "--key", "/dev/sda:key:wrong", "--key",
        "/dev/sdc:file:\(directory.appending("startup.bek"))",
      ] + BitLockerVolume.all.map { directory.appending($0.image) })
    #expect(outcome.end == .exited(3))
    #expect(
      outcome.errorLines == [
        "virt-bmap: warning: /dev/sda: none of the keys opens this encrypted device: cryptsetup does not accept it",
        "virt-bmap: warning: /dev/sdb1 (BitLocker): it is encrypted, and its contents are not mapped; give its key "
          + "(--key)",
      ])
    let map = try MapText(contentsOf: run.scratch("map"))
    #expect(Set(map.objects("f").keys.map(\.device)) == ["/dev/mapper/bitlk-sdc"])
    #expect(map.objects("f").count == 41)
    for volume in BitLockerVolume.all {
      #expect(map.lines("m", volume.device, Array("BitLocker metadata".utf8)).count == 3)
    }
    try await run.expectNothingLeft()
  }
}
