import SystemPackage
import Testing

/// Partition tables of all kinds: with sectors of 4096 bytes, on arrays, damaged, and of other systems.
@Suite struct TableTests {
  private struct Disk {
    var raw: FilePath
    /// The file that is given to virt-bmap.
    var image: FilePath
    var parts: [Int: Range<UInt64>]
    /// The partitions that hold `/the file`.
    var files: [Int]
  }

  private func convert(_ disk: FilePath, to format: String, in scratch: Scratch) async throws -> FilePath {
    let image = scratch("\(disk.lastComponent?.stem ?? "").\(format)")
    try await tool("qemu-img", ["convert", "-f", "raw", "-O", format, disk, image])
    return image
  }

  @Test func tablesOfEachKind() async throws {
    let run = try MapperRun()
    let make = TableDisks(scratch: run.scratch)
    var disks: [Disk] = []
    func add(_ made: (FilePath, [Int: Range<UInt64>]), image: FilePath? = nil, files: [Int]) {
      disks.append(Disk(raw: made.0, image: image ?? made.0, parts: made.1, files: files))
    }
    add(try await make.gptOf4096("gpt4096.raw"), files: [1])
    for format in ["vmdk", "vhdx"] {
      let made = try await make.gptOf4096("in-\(format).raw")
      add(made, image: try await convert(made.0, to: format, in: run.scratch), files: [1])
    }
    add(try await make.mbrOf4096(), files: [1, 5])
    add((try await make.damagedPrimary(), TableDisks.gptParts), files: [1, 2])
    add((try await make.cutOff(), TableDisks.gptParts), files: [1, 2])
    add((try await make.absurdCount(), TableDisks.gptParts), files: [1, 2])
    add(try await make.sun(), files: [2])
    add(try await make.bsd(), files: [1, 4])
    add(try await make.hybrid(), files: [1])

    let outcome = try await run(["-o", "map"] + disks.map(\.image))
    #expect(outcome.end == .exited(0), "\(outcome.errors.text)")
    #expect(
      outcome.errorLines == [
        "virt-bmap: warning: /dev/sde: the partition table is damaged: the backup at the disk's end is used",
        "virt-bmap: warning: /dev/sdf: the partition table is damaged: the disk ends before the table says, "
          + "and its backup is missing",
        "virt-bmap: warning: /dev/sdg: the partition table is damaged: it claims 2147483647 entries, "
          + "and there is room for 8184",
      ])
    let map = try MapText(contentsOf: run.scratch("map"))
    for (index, disk) in disks.enumerated() {
      let name = "/dev/sd\(Character(Unicode.Scalar(UInt8(0x61 + index))))"
      let found = map.lines.filter { $0.kind == "p" && $0.disk == UInt64(index + 1) }
      #expect(found.count == disk.parts.count, "\(name): \(found)")
      for (number, part) in disk.parts {
        #expect(map.lines("p", "\(name)\(number)").map(\.range) == [part], "\(name)\(number)")
      }
      for number in disk.files { try expectTheFile(map, "\(name)\(number)", disk.raw) }
    }
    let sector: UInt64 = 4096
    #expect(map.lines("b", "/dev/sda", Array("GPT header".utf8)).map(\.range) == [sector..<sector + 512])
    #expect(map.lines("b", "/dev/sda", Array("MBR".utf8)).map(\.range.lowerBound) == [0])
    #expect(map.lines("b", "/dev/sdd", Array("MBR".utf8)).map(\.range.lowerBound) == [0])
    let end: UInt64 = 64 << 20
    #expect(map.lines("b", "/dev/sda", Array("backup GPT header".utf8)).map(\.range.lowerBound) == [end - sector])
    #expect(map.lines("b", "/dev/sde", Array("backup GPT header".utf8)).map(\.range) == [end - 512..<end])
    #expect(map.lines("b", "/dev/sdf", Array("GPT table".utf8)).map(\.range) == [1024..<34 * 512])
    #expect(map.lines("b", "/dev/sdh", Array("Sun label".utf8)).map(\.range) == [0..<512])
    #expect(map.lines("b", "/dev/sdi", Array("BSD label".utf8)).map(\.range) == [512..<512 + 276])

    let proof = try await run(["verify"] + disks.map(\.image) + [run.scratch("map")])
    #expect(proof.end == .exited(0), "\(proof.output.text)\(proof.errors.text)")
    try await run.expectNothingLeft()
  }

  @Test func tablesOnArrays() async throws {
    let run = try MapperRun()
    let guest = try await Guests.arrays.value
    let make = TableDisks(scratch: run.scratch)
    let cut = try await make.cutInPartition()
    let large = try await make.mbrOf4096()
    let disks = (0..<19).map { guest.appending("\($0).raw") }
    let outcome = try await run(["--sector-size", "512", "-o", "map"] + disks + [cut, large.0])
    #expect(outcome.end == .exited(3))
    #expect(
      outcome.errors.text.contains(
        "virt-bmap: warning: /dev/sdt: the partition table is damaged: the disk ends before the table says, and its "
          + "backup is missing; partition 2 goes on beyond the disk's end\n"), "\(outcome.errors.text)")
    let map = try MapText(contentsOf: run.scratch("map"))
    // The sector size that the user gives is used.
    #expect(map.lines("p", "/dev/sdu1").map(\.range) == [256 << 9..<5376 << 9])
    #expect(map.lines("p", "/dev/sdt2").map(\.range) == [21 << 20..<40 << 20])
    try expectTheFile(map, "/dev/sdt1", cut)

    let content = try [UInt8](contentsOf: guest.appending("file"))
    let partitions = Set(map.lines.filter { $0.kind == "p" && $0.device.text.hasPrefix("/dev/md") }.map(\.device.text))
    // The logical partition lies in an extended one, so there is one more than there are arrays.
    #expect(partitions.count == 10, "\(partitions)")
    // They are not those of the disks, even if a disk begins with its array's table.
    #expect(Set(map.lines.filter { $0.kind == "p" && $0.disk < 20 }.map(\.device.text)) == partitions)
    // Nothing is wrong with the disks of the arrays.
    #expect(
      outcome.errorLines.allSatisfy { $0.contains("/dev/sdt") || $0.contains("/dev/sdu") }, "\(outcome.errors.text)")
    // The disks that hold each file, and the number of copies that they have together.
    var found: [String] = []
    for device in partitions {
      let lines = map.lines("f", device, Array("/the file".utf8))
      guard !lines.isEmpty else { continue }
      var seen = [Int](repeating: 0, count: content.count)
      for line in lines {
        let part = Int(line.offset)..<min(content.count, Int(line.offset) + line.range.count)
        let source = try FileDescriptor.open(disks[Int(line.disk) - 1], .readOnly)
        let bytes = try source.closeAfter { try source.bytes(at: line.range.lowerBound, count: part.count) }
        #expect(bytes.elementsEqual(content[part]), "\(device): \(line)")
        for index in part { seen[index] += 1 }
      }
      #expect(Set(seen).count == 1, "\(device)")
      found.append("\(Set(lines.map(\.disk)).sorted()) \(seen[0])")
    }
    let expected = [
      "[1, 2] 2", "[3, 4] 2", "[5, 6] 1", "[7, 8] 2", "[9, 10] 2", "[11, 12] 2", "[11, 12] 1", "[13, 14, 15] 1",
      "[16, 17, 18, 19] 2",
    ]
    #expect(found.sorted() == expected.sorted())
    let onArrays = map.lines.filter { $0.device.text.hasPrefix("/dev/md") }
    #expect(Set(onArrays.filter { $0.kind == "l" }.map(\.device.text)).count == 9)
    // Each array's table is where the array has it. Of the eight arrays with GPT, five have two copies of it.
    #expect(!outcome.errors.text.contains("raid"), "\(outcome.errors.text)")
    for disk in UInt64(11)...19 {
      let own = map.lines.filter { $0.disk == disk && $0.path == Array("IMSM metadata".utf8) }
      #expect(own.count == 1 && own[0].range.upperBound == 64 << 20 - 512)
    }
    #expect(onArrays.filter { $0.kind == "b" && $0.path == Array("GPT header".utf8) }.count == 13)
    try await run.expectNothingLeft()
  }

  private func expectTheFile(_ map: MapText, _ device: String, _ disk: FilePath) throws {
    let lines = map.lines("f", device, Array("/the file".utf8))
    let isSame = try Rebuild(disk: disk).bytes(size: 100_000, of: lines) == [UInt8](repeating: 0x61, count: 100_000)
    #expect(isSame && !lines.isEmpty, "\(device)")
  }
}
