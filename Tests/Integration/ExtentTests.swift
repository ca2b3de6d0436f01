import SystemPackage
import Testing

/// Files and directories lie where other tools say: debugfs, which reads ext4 without the kernel, filefrag, which
/// asks the kernel, and ntfscluster, which reads NTFS.
@Suite struct ExtentTests {
  /// The block of the volume for each block of an object.
  private typealias Blocks = [UInt64: UInt64]

  @Test(arguments: [("layers", 1, 1024), ("demo", 1, 4096)])
  func ext4LiesWhereDebugfsSays(guest: String, partition: Int, blockSize: UInt64) async throws {
    let mapped = guest == "layers" ? try await Maps.layers.value : try await Maps.demo.value
    let device = "/dev/sda\(partition)"
    let start = try await partitions(of: mapped.disk)[partition - 1].lowerBound
    let image = "\(mapped.disk)?offset=\(start)"
    let objects = try await inodes(on: image).filter { $0.value.path != nil }
    #expect(objects.count > 260)

    let commands = objects.keys.sorted().map { "dump_extents -l <\($0)>\n" }.joined()
    let said = try await tool("debugfs", ["-f", "/dev/stdin", image], input: commands)
    let extents = extents(said.outputLines, of: objects.keys.sorted())
    for (inode, object) in objects {
      guard let path = object.path else { continue }
      let lines = mapped.map.lines(object.isDirectory ? "d" : "f", device, path)
      #expect(
        blocks(of: lines, on: start, size: blockSize) == extents[inode] ?? [:],
        "\(ObjectName(device: device, path: path)), inode \(inode)")
    }
  }

  private struct Inode {
    /// The path by which the inode was found first.
    var path: [UInt8]?
    var isDirectory: Bool
  }

  /// The inodes of all files and directories that have names, found by walking the directories with debugfs's
  /// `ls -p`: `/INODE/MODE/UID/GID/NAME/SIZE/`, where a name may contain anything but a slash.
  private func inodes(on image: String) async throws -> [Int: Inode] {
    var found = [2: Inode(path: [0x2f], isDirectory: true)]
    var wave = [2]
    while !wave.isEmpty {
      // One answer per directory, after the prompt and the command.
      let said = try await tool(
        "debugfs", ["-f", "/dev/stdin", image], input: wave.map { "ls -p <\($0)>\n" }.joined())
      var answers: [[[UInt8]]] = []
      var name: [UInt8] = []
      for line in said.output.split(separator: 0x0a, omittingEmptySubsequences: false) {
        if line.starts(with: Array("debugfs: ls -p <".utf8)) {
          answers.append([])
          name = []
          continue
        }
        // A name with a newline continues on the next line.
        name += (name.isEmpty ? [] : [0x0a]) + line
        if name.split(separator: 0x2f, omittingEmptySubsequences: false).count >= 8, !answers.isEmpty {
          answers[answers.count - 1].append(name)
          name = []
        }
      }
      guard answers.count == wave.count else { throw TestFailure("debugfs: \(answers.count) answers") }
      var next: [Int] = []
      for (directory, entries) in zip(wave, answers) {
        guard let parent = found[directory]?.path else { continue }
        for entry in entries {
          let fields = entry.split(separator: 0x2f, omittingEmptySubsequences: false).map { Array($0) }
          guard let inode = Int(fields[1].text), let mode = Int(fields[2].text, radix: 8), inode != 0,
            fields[5] != [0x2e], fields[5] != [0x2e, 0x2e]
          else { continue }
          let isDirectory = mode & 0o170000 == 0o040000
          guard isDirectory || mode & 0o170000 == 0o100000 else { continue }
          let path = (parent == [0x2f] ? parent : parent + [0x2f]) + fields[5]
          if isDirectory, found[inode] == nil { next.append(inode) }
          found[inode] = found[inode] ?? Inode(path: path, isDirectory: isDirectory)
        }
      }
      wave = next
    }
    return found
  }

  /// Parses what `dump_extents -l` prints: lines such as ` 0/ 0   1/  3     0 -     4   18465 -  18469      5 `.
  /// Lines with `Uninit` after the last number are skipped.
  private func extents(_ lines: [String], of inodes: [Int]) -> [Int: Blocks] {
    var result: [Int: Blocks] = [:]
    var inode: Int?
    for line in lines {
      if line.hasPrefix("debugfs: dump_extents -l <") {
        inode = Int(line.split(separator: "<")[1].dropLast())
        continue
      }
      let numbers = line.split { !$0.isNumber }.compactMap { UInt64($0) }
      guard let inode, line.contains("/"), numbers.count == 9, !line.contains("Uninit") else { continue }
      for block in 0..<numbers[8] {
        result[inode, default: [:]][numbers[4] + block] = numbers[6] + block
      }
    }
    return result
  }

  @Test func filesLieWhereFilefragSays() async throws {
    let mapped = try await Maps.layers.value
    let oracle = try await LayersOracle.shared.value
    let parts = try await partitions(of: mapped.disk)
    let inMap = mapped.map.objects("f")
    for device in ["/dev/sda1", "/dev/vg/root", "/dev/vg/xfs"] {
      let isPartition = device == "/dev/sda1"
      let start = parts[isPartition ? 0 : 4].lowerBound
      let pieces =
        isPartition
        ? [LayersOracle.Segment(volume: device, offset: 0, physical: 0, length: UInt64(parts[0].count))]
        : oracle.segments.filter { $0.volume == device }
      var compared = 0
      for (name, file) in oracle.files where name.device == device {
        var expected: Blocks = [:]
        for extent in file.extents where !extent.flags.contains("unwritten") {
          for block in stride(from: 0, to: extent.length, by: 512) {
            let physical = extent.physical + block
            guard let piece = pieces.first(where: { physical >= $0.offset && physical < $0.offset + $0.length }) else {
              throw TestFailure("\(name): \(physical) is outside its volume")
            }
            expected[(extent.offset + block) / 512] = (start + piece.physical + physical - piece.offset) / 512
          }
        }
        // Blocks that were allocated beyond the end hold nothing of the file.
        let size = (file.size + 4095) / 4096 * 8
        let lines = inMap[name] ?? []
        #expect(
          blocks(of: lines, on: 0, size: 512) == expected.filter { $0.key < size }, "\(name): \(file.extents) \(lines)")
        compared += 1
      }
      print("\(device): \(compared) files lie where filefrag says")
      #expect(compared >= 250)
    }
  }

  /// ntfscluster reads NTFS by itself. It lists each attribute; the type of the data attribute is 0x80.
  @Test func filesOfNTFSLieWhereNtfsclusterSays() async throws {
    let mapped = try await Maps.layers.value
    let manifest = try Manifest(contentsOf: mapped.disk.removingLastComponent().appending("layers.manifest"))
    let scratch = try Scratch()
    let volume = try await slice(of: mapped.disk, partition: 4, in: scratch)
    let start = try await partitions(of: mapped.disk)[3].lowerBound
    let inMap = mapped.map.objects("f")
    var compared = 0
    var maximumPieces = 0
    for entry in manifest.files where entry.device == "/dev/sda4" {
      let said = try await tool("ntfscluster", ["-f", "-v", "-F", entry.bytes, volume]).outputLines
      // The data attribute is listed once for each record that has a part of it. Named streams come last.
      guard let index = said.firstIndex(where: { $0.hasPrefix("    0x80 - ") }) else { throw TestFailure("\(said)") }
      guard said[index].hasSuffix("non-resident") else { continue }
      var expected: Blocks = [:]
      var pieces = 0
      for line in said[(index + 1)...] {
        let numbers = line.split(separator: " ").compactMap { Int64($0) }
        guard numbers.count == 3, numbers[1] >= 0 else { continue }
        pieces += 1
        for cluster in 0..<UInt64(numbers[2]) where expected[UInt64(numbers[0]) + cluster] == nil {
          expected[UInt64(numbers[0]) + cluster] = UInt64(numbers[1]) + cluster
        }
      }
      let size = ((entry.size ?? 0) + 4095) / 4096
      let lines = inMap[entry.name] ?? []
      #expect(blocks(of: lines, on: start, size: 4096) == expected.filter { $0.key < size }, "\(entry.name): \(lines)")
      compared += 1
      maximumPieces = max(maximumPieces, pieces)
    }
    print("/dev/sda4: \(compared) files lie where ntfscluster says, one in \(maximumPieces) pieces")
    #expect(compared > 150 && maximumPieces > 200)
  }

  private func blocks(of lines: [MapText.Line], on start: UInt64, size: UInt64) -> Blocks {
    var result: Blocks = [:]
    for line in lines {
      for offset in stride(from: 0, to: UInt64(line.range.count), by: UInt64.Stride(size)) {
        result[(line.offset + offset) / size] = (line.range.lowerBound + offset - start) / size
      }
    }
    return result
  }
}
