import FoundationEssentials
import SystemPackage
import Testing

/// Every regular file with data of its own is rebuilt from the map and the raw disk, and equals byte for byte what
/// was put in.
@Suite struct RebuildTests {
  @Test func everyFileOfTheLayersGuestIsRebuilt() async throws {
    let mapped = try await Maps.layers.value
    let oracle = try await LayersOracle.shared.value
    let manifest = try Manifest(contentsOf: mapped.disk.removingLastComponent().appending("layers.manifest"))
    let inMap = mapped.map.objects("f")
    let resident = try await residentFiles(of: manifest, on: mapped.disk)

    let files = manifest.files.map { Rebuild.File(name: $0.name, size: $0.size ?? 0, lines: inMap[$0.name] ?? []) }
    let digests = try await Rebuild(disk: mapped.disk).digests(files)
    var rebuilt: [String: Int] = [:]
    var empty: [String: Int] = [:]
    var holes: [String: Int] = [:]
    var excepted: [String: Int] = [:]
    for (entry, (file, digest)) in zip(manifest.files, zip(files, digests)) {
      let device = entry.device
      if file.size == 0 {
        #expect(file.lines.isEmpty, "\(file.name) is empty")
        empty[device, default: 0] += 1
      } else if let reason = exception(file.name, oracle: oracle) {
        #expect(!file.lines.isEmpty, "\(file.name): \(reason)")
        excepted["\(device) \(reason)", default: 0] += 1
      } else if file.lines.isEmpty {
        // Without ranges, only a file of zeros is rebuilt correctly.
        #expect(digest == entry.sha256, "\(file.name) has no range")
        #expect(entry.name.path == Array("/sparse/all-hole".utf8), "\(file.name) has no range")
        holes[device, default: 0] += 1
      } else {
        #expect(digest == entry.sha256, "\(file.name): \(file.lines)")
        rebuilt[device, default: 0] += 1
      }
    }
    for device in rebuilt.keys.sorted() {
      let reasons = excepted.filter { $0.key.hasPrefix(device + " ") }.sorted { $0.key < $1.key }
        .map { ", \($0.value) excepted: \($0.key.dropFirst(device.count + 1))" }.joined()
      print(
        "\(device): \(rebuilt[device, default: 0]) files rebuilt, \(empty[device, default: 0]) empty, "
          + "\(holes[device, default: 0]) all hole\(reasons)")
    }
    // The least that make-layers-guest puts in: if there are fewer, the map or this test has lost some.
    for (device, least) in [
      ("/dev/sda1", 240), ("/dev/sda2", 220), ("/dev/sda3", 240), ("btrfsvol:/dev/sda3/sub", 240), ("/dev/sda4", 240),
      ("/dev/sda6", 220), ("/dev/sda7", 220), ("/dev/vg/root", 240), ("/dev/vg/xfs", 240),
    ] {
      #expect(rebuilt[device, default: 0] >= least, "\(device)")
    }
    #expect(excepted["/dev/sda3 compressed"] == 1)
    // Small files are in metadata, and were rebuilt from there.
    let table = mapped.map.lines("m", "/dev/sda4", Array("$MFT".utf8))
    for name in resident {
      let lines = inMap[name] ?? []
      #expect(lines.allSatisfy { line in table.contains { $0.range.overlaps(line.range) } }, "\(name)")
    }
    let trees = mapped.map.lines.filter { line in
      line.kind == "m" && (line.path == Array("fs tree".utf8) || line.path.starts(with: Array("subvolume ".utf8)))
    }
    let inline = oracle.files.filter { $0.value.extents.contains { $0.flags.contains("inline") } }.keys
    for name in inline {
      let lines = inMap[name] ?? []
      #expect(lines.allSatisfy { line in trees.contains { $0.range.overlaps(line.range) } }, "\(name)")
      // Each leaf is stored twice.
      #expect(lines.count == 2, "\(name): \(lines)")
    }
    #expect(resident.count > 20 && inline.count > 100, "\(resident.count), \(inline.count)")
  }

  /// Why a file's ranges do not hold its bytes as they are; nil if they do.
  private func exception(_ name: ObjectName, oracle: LayersOracle) -> String? {
    let extents = oracle.files[name]?.extents ?? []
    if extents.contains(where: { $0.flags.contains("encoded") }) { return "compressed" }
    return nil
  }

  /// The files on NTFS whose data attribute is in the file table, according to ntfsinfo.
  private func residentFiles(of manifest: Manifest, on disk: FilePath) async throws -> Set<ObjectName> {
    let scratch = try Scratch()
    let volume = try await slice(of: disk, partition: 4, in: scratch)
    // Resident data is part of a record of 1024 bytes.
    let candidates = manifest.files.filter { $0.device == "/dev/sda4" && ($0.size ?? 0) > 0 && ($0.size ?? 0) < 1024 }
    var result: Set<ObjectName> = []
    for entry in candidates {
      let said = try await tool("ntfsinfo", ["-F", entry.bytes, volume])
      guard let data = said.output.text.components(separatedBy: "Dumping attribute $DATA (0x80)").dropFirst().first
      else { throw TestFailure("ntfsinfo: \(entry.name): no data attribute") }
      let line = data.split(separator: "\n").first { $0.contains("Resident:") }
      switch line?.split(separator: " ").last ?? line?.split(separator: "\t").last {
      case .some(let word) where word.hasSuffix("Yes"): result.insert(entry.name)
      case .some(let word) where word.hasSuffix("No"): break
      default: throw TestFailure("ntfsinfo: \(entry.name): \(data.prefix(200))")
      }
    }
    return result
  }

  @Test func nothingIsInTheMapThatIsNotInTheLayersGuest() async throws {
    let mapped = try await Maps.layers.value
    let manifest = try Manifest(contentsOf: mapped.disk.removingLastComponent().appending("layers.manifest"))
    let sizes = Dictionary(uniqueKeysWithValues: manifest.files.map { ($0.name, $0.size ?? 0) })
    for (name, lines) in mapped.map.objects("f") {
      guard let size = sizes[name] else {
        Issue.record("\(name) is in the map only")
        continue
      }
      // The last range of a file may include the rest of its block, which has at most 64 KiB.
      for line in lines {
        #expect(
          line.offset < size && line.offset + UInt64(line.range.count) <= (size + 65_535) / 65_536 * 65_536, "\(name)")
      }
    }
    let directories = Set(manifest.directories.map(\.name))
    for name in mapped.map.objects("d").keys where !directories.contains(name) {
      #expect(name.path == Array("/lost+found".utf8), "\(name) is in the map only")
    }
  }

  @Test func noByteBelongsToTwoFiles() async throws {
    let layers = try await Maps.layers.value
    let manifest = try Manifest(contentsOf: layers.disk.removingLastComponent().appending("layers.manifest"))
    let linked = Set(manifest.files.filter { ($0.links ?? 1) > 1 }.map(\.name))
    // Copies that share blocks.
    let shared = Set(
      try await LayersOracle.shared.value.files.filter { $0.value.extents.contains { $0.flags.contains("shared") } }
        .map(\.key))
    for mapped in [layers, try await Maps.demo.value] {
      let files = mapped.map.lines.filter { $0.kind == "f" || $0.kind == "d" }
        .sorted { $0.range.lowerBound < $1.range.lowerBound }
      for (line, next) in zip(files, files.dropFirst()) where next.range.lowerBound < line.range.upperBound {
        let both = [line, next]
        let isSameFile =
          line.range == next.range && line.offset == next.offset && line.device == next.device
          && (both.allSatisfy { linked.contains($0.name) } || both.contains { shared.contains($0.name) })
        // One node of a Btrfs tree may hold several directories and small files.
        let isNode =
          both.allSatisfy { $0.device.text.contains("/dev/sda3") } && both.contains { $0.kind == "d" }
        #expect(isSameFile || isNode, "\(line.name) and \(next.name) at \(line.range)")
      }
    }
  }

  @Test func everyNameOfAHardLinkHasTheSameRanges() async throws {
    let mapped = try await Maps.layers.value
    let manifest = try Manifest(contentsOf: mapped.disk.removingLastComponent().appending("layers.manifest"))
    let inMap = mapped.map.objects("f")
    let names = ["/links/one", "/links/two", "/nested/b/three"].map { Array($0.utf8) }
    var volumes = 0
    for device in Set(manifest.files.map(\.device)) {
      let linked = manifest.files.filter { $0.device == device && ($0.links ?? 1) > 1 }
      guard !linked.isEmpty else { continue }
      volumes += 1
      #expect(Set(linked.map(\.bytes)) == Set(names))
      let ranges = names.map {
        inMap[ObjectName(device: device, path: $0)]?.map { [$0.range.lowerBound, $0.range.upperBound, $0.offset] }
      }
      #expect(ranges[0]?.isEmpty == false && ranges[0] == ranges[1] && ranges[0] == ranges[2], "\(device): \(ranges)")
    }
    // All but vfat, exFAT and minix.
    #expect(volumes == 6)
  }

  @Test func everyFileOfTheDemoGuestIsRebuilt() async throws {
    let mapped = try await Maps.demo.value
    let rebuild = Rebuild(disk: mapped.disk)
    let inMap = mapped.map.objects("f")
    var expected: [ObjectName: [UInt8]] = [:]

    // debugfs reads the ext4 partition without the kernel.
    let scratch = try Scratch()
    let start = try await partitions(of: mapped.disk)[0].lowerBound
    let dump = try scratch.makeDirectory("dump")
    try await tool("debugfs", ["-R", "rdump / \(dump)", "\(mapped.disk)?offset=\(start)"])
    let found = try await tool("find", [dump, "-type", "f", "-printf", "%P\\0"])
    for name in found.output.split(separator: 0) {
      let path = FilePath(dump.string + "/" + Array(name).text)
      expected[ObjectName(device: "/dev/sda1", path: [0x2f] + name)] = try [UInt8](contentsOf: path)
    }
    #expect(expected.count > 310)
    // The contents of the files on XFS derive from their names.
    for index in 0..<4 {
      let name = "big/data-\(index)"
      expected[ObjectName(device: "/dev/sda2", path: Array("/\(name)".utf8))] = filling(
        name, size: 3_000_000 + index * 500_001)
    }
    for index in 0..<60 {
      let name = "small/item-\(index < 10 ? "0" : "")\(index)"
      expected[ObjectName(device: "/dev/sda2", path: Array("/\(name)".utf8))] = filling(
        name, size: index * 6151 % 16000)
    }

    var rebuilt: [String: Int] = [:]
    for (name, bytes) in expected where !bytes.isEmpty {
      let lines = inMap[name] ?? []
      let isSame = try rebuild.bytes(size: UInt64(bytes.count), of: lines) == bytes
      #expect(!lines.isEmpty && isSame, "\(name): \(lines)")
      rebuilt[name.device, default: 0] += 1
    }
    #expect(Set(inMap.keys) == Set(expected.filter { !$0.value.isEmpty }.keys))
    for (device, count) in rebuilt.sorted(by: { $0.key < $1.key }) {
      print("demo guest \(device): \(count) files rebuilt")
    }
  }

  /// What fill_files in scripts/guest-lib.sh writes: lines of 64 bytes with the name and the line number.
  private func filling(_ name: String, size: Int) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(size + 64)
    let prefix = Array(name.utf8) + [UInt8](repeating: 0x20, count: 50 - name.utf8.count + 1)
    var number = 0
    while result.count < size {
      let digits = String(number)
      result += prefix
      result += [UInt8](repeating: 0x30, count: 12 - digits.utf8.count)
      result += Array(digits.utf8)
      result.append(0x0a)
      number += 1
    }
    return Array(result.prefix(size))
  }
}
