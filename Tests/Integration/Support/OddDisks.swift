import FoundationEssentials
import Glibc
import SystemPackage

/// Disks with contents that virt-bmap cannot examine or has no need to, most of them made without an appliance.
///
/// Where no program that makes a format is at hand, the bytes by which blkid(8) recognizes it are written directly.
struct OddDisks {
  let scratch: Scratch

  private static let megabyte = 1 << 20

  /// The first of the four labels of a ZFS pool, with a ring of uberblocks.
  func zfsMember() throws -> FilePath { try disk("zfs", megabytes: 64, Self.uberblocks) }

  private static let uberblocks = (0..<8).map { block in
    (128 << 10 + block << 10, littleEndian([0x00ba_b10c, 5000, UInt64(10 + block), 1, 2]))
  }

  private static func littleEndian(_ numbers: [UInt64]) -> [UInt8] {
    numbers.flatMap { number in (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) } }
  }

  /// The superblock of a bcache backing device, with its checksum.
  func bcache() throws -> FilePath {
    let numbers: [UInt64] = [0xa7bf_fc65_f3b4_31b8, 8, 1]
    let identifiers: [UInt8] = [
      0xc6, 0x85, 0x73, 0xf6, 0x4e, 0x1a, 0x45, 0xca, 0x82, 0x65, 0xf5, 0x7f, 0x48, 0xba, 0x6d, 0x81,
    ]
    return try disk(
      "bcache",
      [
        (4096, Self.littleEndian(numbers) + identifiers + Array(0..<32)), (4096 + 192, [16, 0, 0, 0, 0, 0, 0, 0, 1]),
      ])
  }

  /// Metadata of Intel firmware RAID, in the second to last sector.
  func firmwareMember() throws -> FilePath {
    try disk("isw", [(16 << 20 - 1024, Array("Intel Raid ISM Cfg Sig. 1.1.00".utf8)), (5000, [1])])
  }

  /// DRBD metadata, version 8, at the end, as drbdmeta(8) writes it.
  func drbd() throws -> FilePath {
    let numbers: [UInt64] = [8, 1, 2, 3, 4, 5, 0, 0x8374_026b, 0x50_ffff_ffc0, 0x101_ffff_ffb8]
    let bytes = numbers.flatMap { number in (0..<8).reversed().map { UInt8(truncatingIfNeeded: number >> (8 * $0)) } }
    return try disk("drbd", [(16 << 20 - 4096, bytes)])
  }

  /// The boot sector of BitLocker since Windows 7, and the three copies of its metadata.
  func bitLocker() throws -> FilePath {
    let copies = [64 << 10, 128 << 10, 192 << 10]
    let identifier: [UInt8] = [
      0x3b, 0xd6, 0x67, 0x49, 0x29, 0x2e, 0xd8, 0x4a, 0x83, 0x99, 0xf6, 0xa3, 0x39, 0xe3, 0xd0, 0x01,
    ]
    return try disk(
      "bitlocker",
      [
        (0, [0xeb, 0x58, 0x90] + Array("-FVE-FS-".utf8)),
        (160, identifier + Self.littleEndian(copies.map { UInt64($0) })),
      ]
        + copies.map { ($0, Array("-FVE-FS-".utf8) + [68, 0, 2, 0]) })
  }

  func vmfsMember() throws -> FilePath { try disk("vmfs", [(1 << 20, [0x0d, 0xd0, 0x01, 0xc0])]) }

  func vdo() throws -> FilePath { try disk("vdo", [(0, Array("dmvdo001".utf8))]) }

  /// Five bytes that nothing recognizes, at 5 MiB.
  func unknown() throws -> FilePath { try disk("unknown", [(5 << 20, Array("bytes".utf8))]) }

  /// Allocated, and all zeros.
  func zeros() throws -> FilePath {
    try scratch.write([UInt8](repeating: 0, count: 16 * Self.megabyte), to: "zeros.raw")
  }

  func luks() async throws -> FilePath {
    let path = try disk("luks", megabytes: 20, [])
    try scratch.write("a password", to: "key")
    try await tool(
      "cryptsetup",
      [
        "-q", "luksFormat", "--type", "luks2", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", "--key-file",
        scratch("key"), path,
      ])
    return path
  }

  /// XFS with an ISO 9660 volume descriptor in its block at 32 KiB, which is free.
  func ambivalent() async throws -> FilePath {
    let path = try disk("ambivalent", megabytes: 320, [])
    try await tool("mkfs.xfs", ["-q", path])
    try put([(32 << 10, [1] + Array("CD001".utf8) + [1])], path)
    return path
  }

  /// A ZFS label and an ISO 9660 volume descriptor: nothing that the kernel can mount.
  func mountedAsNothing() throws -> FilePath {
    let path = try disk("several", megabytes: 64, [])
    try put(Self.uberblocks + [(32 << 10, [1] + Array("CD001".utf8) + [1])], path)
    return path
  }

  /// ext4 with a feature that no kernel knows.
  func unknownFeature() async throws -> FilePath {
    let path = try disk("feature", megabytes: 16, [])
    try await tool("mke2fs", ["-q", "-t", "ext4", path])
    try await tool("debugfs", ["-w", "-R", "feature FEATURE_I30", path])
    return path
  }

  /// A disk with the partitions of this sfdisk(8) script, and with these bytes at the start of the partitions, by
  /// number.
  func table(_ name: String, _ table: String, _ contents: [Int: [UInt8]] = [:]) async throws -> FilePath {
    let path = try disk(name, megabytes: 96, [])
    try await tool("sfdisk", ["-q", path], input: table)
    for (number, bytes) in contents {
      try put([(Int(try await partitions(of: path)[number - 1].lowerBound), bytes)], path)
    }
    return path
  }

  /// GPT: ext4 with `/the file`, and the dm-verity hashes for it.
  func verity() async throws -> FilePath {
    let (data, hashes) = (try disk("verity-data", megabytes: 16, []), try disk("verity-hashes", megabytes: 16, []))
    try await makeExt4(data)
    try await tool("veritysetup", ["format", data, hashes])
    return try await twoPartitions("verity", data, hashes)
  }

  /// GPT: ext4 with `/the file`, and its external journal. mke2fs(8) insists on a block device for the journal, so
  /// the two are connected afterwards.
  func externalJournal() async throws -> FilePath {
    let (data, journal) = (try disk("journal-data", megabytes: 16, []), try disk("journal", megabytes: 16, []))
    let (uuid, own) = ("d431334c-170e-4f6e-9a32-1cdf2ba93fb2", "189b06e9-b1ad-4030-8571-893adb9667a7")
    try await tool("mke2fs", ["-q", "-O", "journal_dev", "-b", "4096", "-U", uuid, journal])
    try await makeExt4(data, ["-U", own])
    try await tool(
      "debugfs", ["-w", "-f", "/dev/stdin", data], in: scratch.path,
      input: "feature has_journal\nssv journal_uuid \(uuid)\nssv journal_dev 0x0801\n")
    // The journal's superblock is in its second block. Set the number of filesystems that use the journal, and the
    // UUID of the only one.
    let bytes = own.filter { $0 != "-" }
    let identifier = stride(from: 0, to: bytes.count, by: 2).compactMap { index in
      UInt8(bytes.dropFirst(index).prefix(2), radix: 16)
    }
    try put([(4096 + 64, [0, 0, 0, 1]), (4096 + 256, identifier)], journal)
    return try await twoPartitions("external", data, journal)
  }

  private func makeExt4(_ path: FilePath, _ options: [any Word] = []) async throws {
    try scratch.write([UInt8](repeating: 0x61, count: 100_000), to: "file")
    try await tool("mke2fs", ["-q", "-t", "ext4", "-b", "4096", "-O", "^has_journal"] + options + [path])
    try await tool(
      "debugfs", ["-w", "-f", "/dev/stdin", path], in: scratch.path, input: "write file \"the file\"\n")
  }

  private func twoPartitions(_ name: String, _ one: FilePath, _ two: FilePath) async throws -> FilePath {
    let path = try await table(name, "label: gpt\nsize=16M, type=L\nsize=16M, type=L\n")
    for (part, range) in zip([one, two], try await partitions(of: path)) {
      try await tool(
        "dd",
        [
          "if=\(part)", "of=\(path)", "bs=1M", "oflag=seek_bytes", "seek=\(range.lowerBound)", "conv=notrunc,sparse",
          "status=none",
        ])
    }
    return path
  }

  private func disk(_ name: String, megabytes: Int = 16, _ contents: [(Int, [UInt8])]) throws -> FilePath {
    let path = try scratch.makeHole("\(name).raw", size: megabytes * Self.megabyte)
    try put(contents, path)
    return path
  }

  func put(_ contents: [(Int, [UInt8])], _ path: FilePath) throws {
    let file = try FileDescriptor.open(path, .writeOnly)
    try file.closeAfter {
      for (offset, bytes) in contents { _ = try file.writeAll(toAbsoluteOffset: Int64(offset), bytes) }
    }
  }

  /// Disks that can only be made in an appliance.
  struct MadeInAppliance {
    /// Btrfs whose default subvolume is `a`. Other subvolumes lie in and beside it; the names of some would look like
    /// several lines. Each holds `/the file`.
    var subvolumes: FilePath
    var paths: [[UInt8]]
    /// One disk of a RAID 0 of two.
    var member: FilePath
    /// A physical volume in a volume group without logical volumes.
    var physicalVolume: FilePath
    /// The disk of `skip/volume`, which is only activated on request, like snapshots of thin volumes.
    var skippedVolume: FilePath
  }

  func madeInAppliance() async throws -> MadeInAppliance {
    let path = try disk("subvolumes", megabytes: 128, [])
    try await tool("mkfs.btrfs", ["-q", path])
    let names = [
      "a", "a/b", "d/e/c", "a/new\nline", "a/e\u{1b}[31mx,y", "di\nr/z", "x\nID 257 gen 7 top level 5 path evil",
      "last\n",
    ]
    let directories = ["d/e", "di\nr"]
    let quoted = { (name: String) in "'/tmp/m/\(name)'" }
    try scratch.write(
      """
      set -e
      cd /dev/disk/guestfs
      mkdir /tmp/m; mount one /tmp/m
      mkdir -p \(directories.map(quoted).joined(separator: " "))
      for n in \(names.map(quoted).joined(separator: " ")); do
        btrfs subvolume create "$n" >/dev/null
        head -c 100000 /dev/zero | tr '\\0' a >"$n/the file"
      done
      cp "/tmp/m/a/the file" /tmp/m
      btrfs subvolume set-default $(btrfs inspect-internal rootid /tmp/m/a) /tmp/m
      umount /tmp/m
      mdadm -q -C /dev/md0 --run --force -l0 -n2 -e 1.2 two three
      mkfs.ext4 -q /dev/md0
      mdadm -q --stop /dev/md0
      pvcreate -qq $PWD/four
      vgcreate -qq empty $PWD/four
      vgcreate -qq skip $PWD/five
      lvcreate -qq -y -Wn -Zn -n volume -l 100%FREE skip
      mkfs.ext4 -q /dev/skip/volume
      mount /dev/skip/volume /tmp/m
      head -c 100000 /dev/zero | tr '\\0' a >"/tmp/m/the file"
      umount /tmp/m
      lvchange -qq --setactivationskip y skip/volume
      vgchange -qq -an skip

      """, to: "make.sh")
    let others = try ["two", "three", "four", "five"].map { try disk($0, megabytes: 32, []) }
    let drives = zip(["one", "two", "three", "four", "five"], [path] + others).map {
      "add-drive \($1) format:raw label:\($0)\n"
    }
    let commands = """
      \(drives.joined())run
      debug-upload \(scratch("make.sh")) /tmp/make.sh 0755
      debug sh "bash /tmp/make.sh"

      """
    try await Slots.virtualMachines.run {
      _ = try await tool(
        "guestfish", [],
        environment: [
          "LIBGUESTFS_BACKEND_SETTINGS": MapperRun.emulated, "LIBGUESTFS_CACHEDIR": "/var/tmp",
          "LIBGUESTFS_APPEND": "clearcpuid=erms,fsrm",
        ], input: commands, limit: .seconds(300))
    }
    return MadeInAppliance(
      subvolumes: path, paths: names.map { Array($0.utf8) }, member: others[0], physicalVolume: others[2],
      skippedVolume: others[3])
  }
}
