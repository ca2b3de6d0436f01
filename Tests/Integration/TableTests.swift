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
    let disks = (0..<10).map { guest.appending("\($0).raw") }
    let outcome = try await run(["--sector-size", "512", "-o", "map"] + disks + [cut, large.0])
    #expect(outcome.end == .exited(3))
    #expect(
      outcome.errors.text.contains(
        "virt-bmap: warning: /dev/sdk: the partition table is damaged: the disk ends before the table says, and its "
          + "backup is missing; partition 2 goes on beyond the disk's end\n"), "\(outcome.errors.text)")
    let map = try MapText(contentsOf: run.scratch("map"))
    // The sector size that the user gives is used.
    #expect(map.lines("p", "/dev/sdl1").map(\.range) == [256 << 9..<5376 << 9])
    #expect(map.lines("p", "/dev/sdk2").map(\.range) == [21 << 20..<40 << 20])
    try expectTheFile(map, "/dev/sdk1", cut)

    let content = try [UInt8](contentsOf: guest.appending("file"))
    let partitions = Set(map.lines.filter { $0.kind == "p" && $0.device.text.hasPrefix("/dev/md") }.map(\.device.text))
    // The logical partition lies in an extended one, so there is one more than there are arrays.
    #expect(partitions.count == 6, "\(partitions)")
    var found = 0
    for device in partitions {
      let lines = map.lines("f", device, Array("/the file".utf8))
      guard !lines.isEmpty else { continue }
      found += 1
      let numbers = Set(lines.map(\.disk)).sorted()
      #expect(numbers.count == 2, "\(device): \(numbers)")
      let isStriped = numbers == [5, 6]
      for group in isStriped ? [numbers] : numbers.map({ [$0] }) {
        var bytes = [UInt8](repeating: 0, count: content.count)
        for line in lines where group.contains(line.disk) {
          let source = try FileDescriptor.open(disks[Int(line.disk) - 1], .readOnly)
          let count = min(line.range.count, content.count - Int(line.offset))
          let part = try source.closeAfter { try source.bytes(at: line.range.lowerBound, count: count) }
          bytes.replaceSubrange(Int(line.offset)..<Int(line.offset) + count, with: part)
        }
        let isSame = bytes == content
        #expect(isSame, "\(device) on disks \(group)")
      }
    }
    #expect(found == 5)
    let onArrays = map.lines.filter { $0.device.text.hasPrefix("/dev/md") }
    #expect(Set(onArrays.filter { $0.kind == "l" }.map(\.device.text)).count == 5)
    // Each array's table is where the array has it. Of the four arrays with GPT, three have two copies of it.
    #expect(onArrays.filter { $0.kind == "b" && $0.path == Array("GPT header".utf8) }.count == 7)
    try await run.expectNothingLeft()
  }

  private func expectTheFile(_ map: MapText, _ device: String, _ disk: FilePath) throws {
    let lines = map.lines("f", device, Array("/the file".utf8))
    let isSame = try Rebuild(disk: disk).bytes(size: 100_000, of: lines) == [UInt8](repeating: 0x61, count: 100_000)
    #expect(isSame && !lines.isEmpty, "\(device)")
  }
}
