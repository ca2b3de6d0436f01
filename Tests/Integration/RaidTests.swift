import Glibc
import SystemPackage
import Testing

/// Arrays and volumes that keep data more than once, or in stripes: every copy is the file's, and parity has a name.
@Suite struct RaidTests {
  /// What make-raid-guest puts on each, by a file that tells it, and how often each byte is kept.
  private static let filesystems = [
    ("is-mirror", 2), ("is-parity", 1), ("is-ten", 2), ("is-fat", 2), ("is-btrfs", 2),
  ]

  private func device(of mark: String, in map: MapText) throws -> String {
    try #require(map.lines.first { $0.path == Array("/\(mark)".utf8) }, "\(mark)").device.text
  }

  /// The map's lines. md's arrays have another name in each run: here they have that of their mark.
  private func lines(of guest: MappedGuest) throws -> Set<String> {
    var text = try [UInt8](contentsOf: guest.file).text
    for (mark, _) in Self.filesystems where mark != "is-btrfs" {
      guard let line = guest.map.lines.first(where: { $0.path == Array("/\(mark)".utf8) }) else { continue }
      text.replace(" \(line.device.text) ", with: " \(mark) ")
      text.replace(" \(line.device.text)\n", with: " \(mark)\n")
    }
    // How much of a directory's last cluster exFAT reads ahead before it has listed it is a matter of time.
    return Set(text.split(separator: "\n").map(String.init).filter { !$0.contains(" d /dev/sda6 ") })
  }

  /// Reading everything finds the same, but that NTFS's file table also says which bytes of a file were never written:
  /// what is behind the others in a block is not the file's.
  @Test func bothMethodsAgree() async throws {
    let guests = [
      (try await Maps.raid.value, try await Maps.raidRead.value, 0),
      (try await Maps.layers.value, try await Maps.layersRead.value, 1),
    ]
    for (told, read, halves) in guests {
      let (told, read) = (toPageEnds(try lines(of: told), count: halves), try lines(of: read))
      #expect(told.subtracting(read).sorted().prefix(5) == [])
      #expect(read.subtracting(told).sorted().prefix(5) == [])
      #expect(told.count > 1000)
    }
  }

  /// With the end of the file on NTFS that was not written to its end where a read would end.
  private func toPageEnds(_ lines: Set<String>, count: Int) -> Set<String> {
    var changed = 0
    let result = lines.map { line in
      var fields = line.split(separator: " ", maxSplits: 4).map(String.init)
      guard fields.count == 5, fields[4] == "/dev/sda4 /half", let end = UInt64(fields[2], radix: 16), end % 4096 == 1
      else { return line }
      changed += 1
      fields[2] = String(end + 4095, radix: 16)
      return fields.joined(separator: " ")
    }
    #expect(changed == count)
    return Set(result)
  }

  @Test func everyCopyOfEveryFileIsInTheMap() async throws {
    let mapped = try await Maps.raid.value
    let tree = mapped.disk.removingLastComponent().appending("tree")
    let files = mapped.map.objects("f")
    let source = try FileDescriptor.open(mapped.disk, .readOnly)
    defer { try? source.close() }

    var copies: [String: Int] = ["/dev/vg/striped": 1, "/dev/vg/raid1": 2]
    for (mark, count) in Self.filesystems { copies[try device(of: mark, in: mapped.map)] = count }
    // None twice: Btrfs is found on both its devices, and a volume's legs look like filesystems themselves.
    #expect(Set(files.keys.map(\.device)) == Set(copies.keys))
    for (device, count) in copies {
      var checked = 0
      for (name, lines) in files where name.device == device {
        let original = name.path.text.hasPrefix("/is-") ? "/sizes/65536" : name.path.text
        let content = try [UInt8](contentsOf: FilePath(tree.string + original))
        var seen = [Int](repeating: 0, count: content.count)
        for line in lines {
          let size = min(line.range.count, content.count - min(content.count, Int(line.offset)))
          var bytes = [UInt8](repeating: 0, count: size)
          try bytes.withUnsafeMutableBytes { try source.readExactly(into: $0, at: line.range.lowerBound) }
          let expected = content[Int(line.offset)..<Int(line.offset) + size]
          #expect(bytes.elementsEqual(expected), "\(name): \(line.range)")
          for index in expected.indices { seen[index] += 1 }
        }
        // Holes are nowhere.
        #expect(zip(seen, content).allSatisfy { $0 == count || $0 == 0 && $1 == 0 }, "\(name): \(lines)")
        checked += 1
      }
      #expect(checked >= 60, "\(device)")
    }
  }

  @Test func parityIsTheArraysAndNobodyElses() async throws {
    let mapped = try await Maps.raid.value
    let parity = mapped.map.lines.filter { $0.kind == "r" }
    let array = try device(of: "is-parity", in: mapped.map)
    #expect(Set(parity.map { $0.device.text }) == [array])
    let total = parity.reduce(0) { $0 + $1.range.count }
    // Three devices of 200 MiB, of which md keeps some for itself.
    #expect((190 << 20...200 << 20).contains(total))
    let others = mapped.map.lines.filter { $0.kind == "f" || $0.kind == "d" }.map(\.range)
    let sorted = (others + parity.map(\.range)).sorted { $0.lowerBound < $1.lowerBound }
    let isParity = Set(parity.map(\.range.lowerBound))
    for (range, next) in zip(sorted, sorted.dropFirst())
    where isParity.contains(range.lowerBound) || isParity.contains(next.lowerBound) {
      #expect(range.upperBound <= next.lowerBound)
    }
  }

  @Test func volumesAreWhereTheirStripesAre() async throws {
    let mapped = try await Maps.raid.value
    let striped = mapped.map.lines("l", "/dev/vg/striped")
    #expect(striped.reduce(0) { $0 + $1.range.count } == 48 << 20)
    #expect(striped.allSatisfy { $0.range.count == 64 << 10 })
    let mirrored = mapped.map.lines("l", "/dev/vg/raid1")
    #expect(mirrored.count == 2 && mirrored.allSatisfy { $0.range.count == 320 << 20 && $0.offset == 0 })
  }
}
