import FoundationEssentials
import Glibc
import SystemPackage
import Testing

/// Arrays and volumes with mirrors or stripes: every copy of a file is in the map and has the right bytes, and parity
/// is named.
@Suite struct RaidTests {
  /// The arrays that make-raid-guest makes, by their marks, and the number of copies of each byte.
  private static let arrays = [
    ("is-mirror", 2), ("is-parity", 1), ("is-ten", 2), ("is-fat", 2), ("is-far", 2), ("is-six", 1),
  ]
  /// The same for Btrfs: the copies of data, and of metadata, which holds files of up to 2048 bytes.
  private static let btrfs = [("is-btrfs", (2, 2)), ("is-btrfs6", (1, 3))]

  private func device(of mark: String, in map: MapText) throws -> String {
    try #require(map.lines.first { $0.path == Array("/\(mark)".utf8) }, "\(mark)").device.text
  }

  /// The lines of the map, without directories on exFAT and minix. Both methods read those directories: how far exFAT
  /// reads ahead in a directory's last cluster, and in which order minix reads the blocks of a page, depends on
  /// timing.
  private func lines(of guest: MappedGuest) -> Set<String> {
    guest.map.comparable(marks: Self.arrays.map(\.0)).filter { !$0.contains(#/ d@[0-9a-f]+ /dev/sda[67] /#) }
  }

  /// Reading everything gives the same map, with one exception: NTFS's file table also says which bytes of a file
  /// were never written, so the rest of the block is not part of the file.
  @Test func bothMethodsAgree() async throws {
    let guests = [
      (try await Maps.raid.value, try await Maps.raidRead.value, 0),
      (try await Maps.layers.value, try await Maps.layersRead.value, 1),
    ]
    for (told, read, halves) in guests {
      let (told, read) = (toPageEnds(lines(of: told), count: halves), lines(of: read))
      #expect(told.subtracting(read).sorted().prefix(5) == [])
      #expect(read.subtracting(told).sorted().prefix(5) == [])
      #expect(told.count > 1000)
    }
  }

  /// Extends the file on NTFS that was not written up to its end to where a read would end.
  /// - Parameter count: the number of lines that this must change.
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

    var copies = ["/dev/vg/striped": (1, 1), "/dev/vg/raid1": (2, 2), "/dev/vg/raid6": (1, 1)]
    for (mark, count) in Self.arrays { copies[try device(of: mark, in: mapped.map)] = (count, count) }
    for (mark, counts) in Self.btrfs { copies[try device(of: mark, in: mapped.map)] = counts }
    // Nothing is there twice: Btrfs is found on both its devices, and the legs of a volume look like filesystems
    // themselves.
    #expect(Set(files.keys.map(\.device)) == Set(copies.keys))
    for (device, counts) in copies {
      var checked = 0
      for (name, lines) in files where name.device == device {
        let original = name.path.text.hasPrefix("/is-") ? "/sizes/65536" : name.path.text
        let content = try [UInt8](contentsOf: FilePath(tree.string + original))
        let count = content.count > 2048 ? counts.0 : counts.1
        // Files that are not in metadata have whole sectors.
        let step = content.count > 2048 ? 512 : 1
        var seen = [Int](repeating: 0, count: (content.count + step - 1) / step)
        for line in lines {
          let size = min(line.range.count, content.count - min(content.count, Int(line.offset)))
          var bytes = [UInt8](repeating: 0, count: size)
          try bytes.withUnsafeMutableBytes { try source.readExactly(into: $0, at: line.range.lowerBound) }
          let start = Int(line.offset)
          let isSame = bytes == Array(content[start..<start + size])
          #expect(isSame && start.isMultiple(of: step), "\(name): \(line.range)")
          for offset in stride(from: start, to: start + size, by: step) { seen[offset / step] += 1 }
        }
        // Holes have no ranges.
        let isWhole = seen.indices.allSatisfy { index in
          seen[index] == count || seen[index] == 0 && content[index * step] == 0
        }
        #expect(isWhole, "\(name): \(lines)")
        checked += 1
      }
      #expect(checked >= 60, "\(device)")
    }
  }

  @Test func parityIsTheArraysAndNobodyElses() async throws {
    let mapped = try await Maps.raid.value
    let parity = mapped.map.lines.filter { $0.kind == "r" }
    let array = try device(of: "is-parity", in: mapped.map)
    let names = try ["is-six", "is-btrfs6"].map { try device(of: $0, in: mapped.map) }
    #expect(Set(parity.map { $0.device.text }) == Set(names + [array, "/dev/vg/raid6"]))
    let total = parity.filter { $0.device.text == array }.reduce(0) { $0 + $1.range.count }
    // A third of three devices of 200 MiB, less what md reserves for itself.
    #expect((190 << 20...200 << 20).contains(total))
    let others = mapped.map.lines.filter { $0.kind == "f" || $0.kind == "d" }.map(\.range)
    let sorted = (others + parity.map(\.range)).sorted { $0.lowerBound < $1.lowerBound }
    let isParity = Set(parity.map(\.range.lowerBound))
    for (range, next) in zip(sorted, sorted.dropFirst())
    where isParity.contains(range.lowerBound) || isParity.contains(next.lowerBound) {
      #expect(range.upperBound <= next.lowerBound)
    }
  }

  /// How the exponents of a stripe's chunks are counted for the second parity of RAID 6.
  enum Counting: Sendable {
    /// There is only one parity.
    case none
    /// By data chunk, starting after the second parity.
    case behindParity
    /// By device, in the order of the array, as DDF does.
    case byDevice
  }

  /// The parity on the disk is that of the other chunks of the stripe, and it is where the map says.
  ///
  /// The map gives the order of data in a stripe only for files, so this test does not know the order of the devices.
  /// It tries all orders: one of them must be right for every stripe.
  @Test(arguments: [
    ("is-parity", 3, Counting.none), ("is-six", 4, .behindParity), ("/dev/vg/raid6", 5, .byDevice),
    ("is-btrfs6", 4, .behindParity),
  ])
  func parityIsOfTheData(_ name: String, devices: Int, counting: Counting) async throws {
    let mapped = try await Maps.raid.value
    let device = name.hasPrefix("/") ? name : try device(of: name, in: mapped.map)
    let parities = counting == .none ? 1 : 2
    let stripe = UInt64(devices - parities) << 16
    let source = try FileDescriptor.open(mapped.disk, .readOnly)
    defer { try? source.close() }
    var checked = 0
    let groups = groups(
      mapped.map.lines("r", device), stripe: stripe, parts: try await partitions(of: mapped.disk), parities: parities)
    for group in groups where group.bases.count == devices {
      let members = group.bases.keys.sorted()
      var orders = Syndrome.orders(of: members)
      for (number, parity) in group.parity {
        // A part of each chunk is enough.
        let chunks = try members.map { try source.bytes(at: group.offset(of: number, on: $0) + 4096, count: 64) }
        let chunk = Dictionary(uniqueKeysWithValues: zip(members, chunks))
        // If only one chunk has data, both parities may be the same.
        guard chunks.filter({ $0.contains { $0 != 0 } }).count > parities + 1 else { continue }
        checked += 1
        // The XOR of all chunks except the second parity is zero. This tells which one the second parity is.
        let second = parity.filter { other in
          Syndrome.p(members.filter { $0 != other || parities == 1 }.compactMap { chunk[$0] }).allSatisfy { $0 == 0 }
        }
        #expect(second.count == 1, "stripe \(number)")
        guard parities == 2, let q = second.first else { continue }
        orders.removeAll { order in
          guard let index = order.firstIndex(of: q) else { return true }
          let turned = counting == .byDevice ? order : Array(order[(index + 1)...] + order[...index])
          let data = turned.enumerated().filter { !parity.contains($0.element) }
          let exponents = counting == .byDevice ? data.map(\.offset) : Array(data.indices)
          return Syndrome.q(data.compactMap { chunk[$0.element] }, exponents) != chunk[q]
        }
      }
      #expect(!orders.isEmpty)
    }
    #expect(checked > 40)
  }

  /// Consecutive stripes at a fixed distance on all devices: those of an array, or of one Btrfs chunk.
  private struct Stripes {
    /// The map's offset of the first stripe.
    var start: UInt64
    /// The disk offset of the first stripe on each partition, by the index of the partition.
    var bases: [Int: UInt64] = [:]
    /// The partitions with the parity of each stripe, by the stripe's number.
    var parity: [UInt64: [Int]] = [:]

    func offset(of number: UInt64, on part: Int) -> UInt64 { bases[part, default: 0] + number << 16 }
  }

  private func groups(
    _ lines: [MapText.Line], stripe: UInt64, parts: [Range<UInt64>], parities: Int
  ) -> [Stripes] {
    var groups: [Stripes] = []
    for (offset, lines) in Dictionary(grouping: lines, by: \.offset).sorted(by: { $0.key < $1.key }) {
      #expect(lines.count == parities && lines.allSatisfy { $0.range.count == 1 << 16 }, "\(lines)")
      let locations = lines.compactMap { line in
        parts.firstIndex { $0.contains(line.range.lowerBound) }.map { (part: $0, start: line.range.lowerBound) }
      }
      var group = groups.popLast() ?? Stripes(start: offset)
      var number = (offset - group.start) / stripe
      let isNext = locations.allSatisfy { location in
        let base = location.start &- number << 16
        return group.bases[location.part, default: base] == base
      }
      if !isNext || !(offset - group.start).isMultiple(of: stripe) {
        groups.append(group)
        (group, number) = (Stripes(start: offset), 0)
      }
      for location in locations { group.bases[location.part] = location.start &- number << 16 }
      group.parity[number] = locations.map(\.part)
      groups.append(group)
    }
    return groups
  }

  @Test func volumesAreWhereTheirStripesAre() async throws {
    let mapped = try await Maps.raid.value
    let striped = mapped.map.lines("l", "/dev/vg/striped")
    #expect(striped.reduce(0) { $0 + $1.range.count } == 48 << 20)
    #expect(striped.allSatisfy { $0.range.count == 64 << 10 })
    #expect(mapped.map.lines("l", "/dev/vg/raid6").reduce(0) { $0 + $1.range.count } == 72 << 20)
    let mirrored = mapped.map.lines("l", "/dev/vg/raid1")
    #expect(mirrored.count == 2 && mirrored.allSatisfy { $0.range.count == 320 << 20 && $0.offset == 0 })
  }

  /// RAID 10 with near and far copies is followed. With near and offset copies, files are mapped by reading. In a RAID 5
  /// that is being reshaped, the kernel reads most blocks only once, so their files cannot be found. Warnings say what
  /// is missing.
  @Test func rareLayouts() async throws {
    let guest = try await Guests.layouts.value
    let disk = guest.appending("layouts.raw")
    let run = try MapperRun()
    let outcome = try await run(["-q", "-o", "map", disk])
    #expect(outcome.end == .exited(3))
    let rest =
      "files inside it are mapped as far as reading shows where they are, one copy of each; its metadata and free "
      + "space are not mapped"
    #expect(outcome.errorLines.count == 3)
    #expect(
      outcome.errorLines.prefix(2) == [
        "virt-bmap: warning: /dev/md1: RAID 10 with 2 near and 2 offset copies at once is not supported: \(rest)",
        "virt-bmap: warning: /dev/md2: it is being reshaped to another layout (raid5, 4 devices): \(rest)",
      ])
    let left = "virt-bmap: warning: filesystem on /dev/md2 (ext4): /the file and 9 other files cannot be located "
    #expect(outcome.errorLines.last?.hasPrefix(left) == true, "\(outcome.errors.text)")
    let map = try MapText(contentsOf: run.scratch("map"))
    let content = try [UInt8](contentsOf: guest.appending("file"))
    for (device, copies) in [("/dev/md0", 4), ("/dev/md1", 1)] {
      for (path, size) in [("/the file", content.count)] + (1...9).map({ ("/dir/\($0)", $0 * 10_000 + 1) }) {
        let lines = map.lines("f", device, Array(path.utf8))
        let isSame = try Rebuild(disk: disk).bytes(size: UInt64(size), of: lines).elementsEqual(content.prefix(size))
        #expect(isSame, "\(device) \(path): \(lines)")
        #expect(lines.reduce(0) { $0 + $1.range.count } == copies * ((size + 4095) / 4096 * 4096), "\(device) \(path)")
      }
    }
    for device in ["/dev/md1", "/dev/md2"] {
      #expect(!map.lines.contains { $0.device.text == device && !["f", "d"].contains($0.kind) }, "\(device)")
    }
    // While an array is reshaped, it is not known what of its devices is unused.
    for number in 9...12 { #expect(map.lines("u", "/dev/sda\(number)").isEmpty) }
    let verified = try await run(["verify", "-q", disk, "map"])
    #expect(verified.end == .exited(1), "\(verified.errors.text)")
    #expect(verified.outputLines.count == 10, "\(verified.output.text)")
    #expect(
      verified.outputLines.allSatisfy { $0.hasPrefix("wrong /dev/md2 /") && $0.hasSuffix(": it is not in the map") },
      "\(verified.output.text)")
    let summary = try await run(["summary", "--json", "map"], launchesAppliance: false).output
    let whole = try #require(try Summary(summary).disks.first)
    #expect(whole.bytes.values.reduce(0, +) == whole.size)
    try await run.expectNothingLeft()
  }

  private struct Summary: Decodable {
    struct Disk: Decodable {
      var size: UInt64
      var bytes: [String: UInt64]
    }

    var disks: [Disk]

    init(_ text: [UInt8]) throws { self = try JSONDecoder().decode(Self.self, from: Data(text)) }
  }
}
