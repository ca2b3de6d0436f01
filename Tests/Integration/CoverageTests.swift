import Glibc
import SystemPackage
import Testing

/// Everything on the disks must be explained: each device with contents that are not mapped is named, and the status
/// is 3.
@Suite struct CoverageTests {
  private static let unknown =
    "it holds data of an unknown type, which is not mapped; if it belongs with other disks, give them all"
  private static let made = Shared { try await OddDisks(scratch: Scratch(shared: "odd")).madeInAppliance() }
  private static let otherDisks = "if it has other disks, give them all"

  /// Each disk has its warning, in the order of the disks. Only warnings about filesystems come earlier, when they
  /// are mounted.
  @Test func whatIsNotRecognizedIsNamed() async throws {
    let run = try MapperRun()
    let odd = OddDisks(scratch: run.scratch)
    let disks: [(FilePath, [String])] = [
      (try odd.zfsMember(), [" (zfs_member): it is part of a ZFS pool, which the appliance cannot read"]),
      (
        try odd.firmwareMember(),
        [" (isw_raid_member): it is part of an array that is not assembled; \(Self.otherDisks)"]
      ),
      (
        try odd.bcache(),
        [" (bcache): it is part of a bcache, which is not running: its data and its cache are needed together"]
      ),
      (try odd.drbd(), [" (drbd): it belongs to DRBD, which is not running"]),
      (
        try odd.bitLocker(),
        [
          " (BitLocker): it is encrypted, and its contents are not mapped; give its key (--key)"
        ]
      ),
      (
        try odd.vmfsMember(),
        [
          " (VMFS_volume_member): it is part of an ESXi datastore, which the appliance cannot read; map the disks "
            + "stored in it"
        ]
      ),
      (try odd.vdo(), [" (vdo): it is part of a volume type that the appliance cannot assemble"]),
      (try odd.unknown(), [": \(Self.unknown)"]),
      (
        try await odd.luks(),
        [" (crypto_LUKS): it is encrypted, and its contents are not mapped; give its key (--key)"]
      ),
      (
        try odd.mountedAsNothing(),
        [
          ": it looks like several things (iso9660, zfs_member), and the kernel mounts it as none of them; wipefs(8) "
            + "removes what does not belong there"
        ]
      ),
      (
        try await odd.table("partitions", "label: gpt\nsize=8M, type=L\nsize=8M, type=L\n", [2: [1]]),
        ["2: \(Self.unknown)"]
      ),
      (
        try await odd.table("no-partitions", "label: dos\n"),
        [": it has a partition table (dos) of which the kernel sees no partitions, and holds data"]
      ),
      (try await odd.unknownFeature(), []),
      (try await Self.made.value.member, [" (linux_raid_member): its array is not running; \(Self.otherDisks)"]),
    ]
    try odd.put([(10 << 20, [1])], disks[11].0)
    let outcome = try await run(["-q", "-o", "map"] + disks.map(\.0))
    #expect(outcome.end == .exited(3))
    let feature =
      "virt-bmap: warning: filesystem on /dev/sdm (ext4) cannot be mounted: EXT4-fs: couldn't mount because of unsupported "
      + "optional features (40000000)"
    let expected = disks.enumerated().flatMap { index, disk in
      disk.1.map { "virt-bmap: warning: /dev/sd\(Character(UnicodeScalar(UInt8(0x61 + index))))\($0)" }
    }
    for (line, right) in zip(outcome.errorLines.dropFirst(), expected) { #expect(line == right) }
    #expect(outcome.errorLines.count == 1 + expected.count, "\(outcome.errors.text)")
    #expect(outcome.errorLines.first?.lowercased() == feature.lowercased())
    let map = try MapText(contentsOf: run.scratch("map"))
    #expect(map.lines.filter { $0.kind == "v" }.count == disks.count)
    #expect(map.lines("m", "/dev/sdc", Array("bcache header".utf8)).map(\.range) == [0..<8192])
    #expect(map.lines("m", "/dev/sdd", Array("DRBD metadata".utf8)).map(\.range) == [16_736_256..<16 << 20])
    try await run.expectNothingLeft()
  }

  /// What is recognized, or empty, does not make the map incomplete; the map is proved.
  @Test func whatIsRecognizedIsComplete() async throws {
    let run = try MapperRun()
    let odd = OddDisks(scratch: run.scratch)
    let reserved = try await odd.table(
      "reserved",
      """
      label: gpt
      size=1M, type=21686148-6449-6E6F-744E-656564454649
      size=16M, type=E3C9E316-0B5C-4DB8-817D-F92DF00215AE
      size=8M, type=9E1A2D38-C612-4316-AA26-8B49521E5A8B
      size=20M, type=L

      """, [1: [1], 2: [1], 3: [1]])
    let made = try await Self.made.value
    let disks = [
      try await odd.verity(), try await odd.externalJournal(), reserved, try odd.zeros(),
      try await odd.table("empty", "label: gpt\n"), made.subvolumes, try await odd.ambivalent(), made.physicalVolume,
      made.skippedVolume,
    ]
    let outcome = try await run(["-q", "-o", "map"] + disks)
    #expect(outcome.end == .exited(0))
    #expect(
      outcome.errorLines == [
        "virt-bmap: warning: /dev/sdg: it looks like several things (xfs, iso9660); the kernel mounts it as xfs only, so "
          + "it is mapped as that"
      ])
    let map = try MapText(contentsOf: run.scratch("map"))
    let files = Set(map.lines.filter { $0.kind == "f" }.map(\.device))
    let volume = Array("btrfsvol:/dev/sdf/".utf8)
    // The default subvolume has the device's name, the top level an empty subvolume name.
    let expected =
      ["/dev/sda1", "/dev/sdb1", "/dev/sdf", "/dev/skip/volume"].map { Array($0.utf8) } + [volume]
      + made.paths.filter { $0 != Array("a".utf8) }.map { volume + $0 }
    #expect(files == Set(expected))
    for device in expected {
      let lines = map.lines.filter { $0.kind == "f" && $0.device == device && $0.path == Array("/the file".utf8) }
      #expect(lines.reduce(0) { $0 + $1.range.count } >= 100_000, "\(device.text)")
    }
    #expect(
      map.lines("m", "/dev/sdb2", Array("journal".utf8)).map(\.range) == [try await partitions(of: disks[1])[1]])
    #expect(map.comments.contains("# device /dev/sdg type=xfs"))
    #expect(map.comments.contains("# device /dev/sda2 type=DM_verity_hash"))
    let hashes = map.lines.filter { $0.device == Array("/dev/sda2".utf8) }
    #expect(
      hashes.map { "\($0.kind) \($0.path.text) \($0.range.count)" }.sorted() == [
        "m verity hash tree 135168", "m verity superblock 4096", "p  16777216",
      ])

    let proof = try await run(["verify"] + disks + [run.scratch("map")])
    #expect(proof.end == .exited(0), "\(proof.output.text)")
    #expect(proof.errors.text == "")
    #expect(proof.outputLines.last?.hasPrefix("total: \(expected.count) proved, ") == true, "\(proof.output.text)")
    try await run.expectNothingLeft()
  }
}
