@testable import Appliance
@testable import FileProof
@testable import Filesystems
@testable import Mapping

/// The appliance's reports about devices, volumes and copies before anything is mounted, and the file lists and
/// answers when a map is verified.
extension ParserFuzzer {
  /// The output of blkid(8), mdadm(8), lvm(8), btrfs(8) and ldmtool(1), the kernel's partitions and the kernel log.
  static let devices = ParserFuzzer(text: "devices") { text in
    var found: [Substring: ProbedDevice] = [:]
    _ = Guest.parse(text, into: &found)
    for device in found.values {
      _ =
        DeviceFacts(
          type: device.type, tableType: device.tableType, candidates: device.candidates, partition: device.partition
        ).coverage
    }
    let partitions = KernelPartition.list(parsing: text, labels: ["a", "b"])
    try check(partitions.values.joined().allSatisfy { !$0.range.isEmpty }, "\(partitions)")
    try check(DegradedArray.parse(text).allSatisfy { $0.present <= $0.devices && $0.missing <= $0.used }, "\(text)")
    _ = BtrfsDevices(parsing: text).missing
    let groups = GroupReport(parsing: text)
    _ = groups.missing(from: Array("/dev/vg/root".utf8))
    _ = groups.isPartial(Array("/dev/vg/root".utf8))
    _ = groups.damage(below: Array("/dev/vg/root".utf8))
    _ = DeviceUses(parsing: text)
    let log = KernelLog(kernelName: "sda1", lines: text.split(separator: "\n"))
    try check(log.reason.map { !$0.isEmpty } ?? true, "an empty reason")
  }

  /// udev's database, what distinguishes copies of a member, and the grouping of disks into sets that follows from
  /// both.
  static let members = ParserFuzzer(text: "members") { text in
    let disks = [1, 2, 3]
    var found = MemberSearch.members(parsing: text, disks: disks)
    MemberSearch.complete(&found, parsing: text)
    let grouping = DiskGrouping(disks: disks, members: found.map(\.member))
    try check(grouping.sets.joined().sorted() == disks, "\(grouping.sets)")
  }

  /// The tree of roots and the list of subvolumes; after the first NUL, the answers about single subvolumes.
  static let btrfsSubvolumes = ParserFuzzer("btrfs-subvolumes") { bytes in
    let parts = bytes.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false).map(Array.init)
    guard let list = parts.first else { return }
    var subvolumes = BtrfsSubvolumes(parsing: list)
    if parts.count > 1 { subvolumes.add(resolved: parts[1]) }
    try check(subvolumes.unclear.allSatisfy { subvolumes.paths[$0] == nil }, "\(subvolumes)")
    try check(subvolumes.paths.values.allSatisfy { !$0.isEmpty }, "an empty path")
  }

  /// The lines that find(1) and b2sum(1) print.
  static let guestListing = ParserFuzzer("guest-listing") { bytes in
    for line in Array(bytes).split(separator: 0x0a) {
      if let entry = GuestListing.entry(line) { try check(entry.path.count <= line.count, "\(entry)") }
      if let (path, digest) = GuestListing.digest(line) {
        try check(digest.count == 64 && path.count <= line.count, "\(path)")
      }
    }
  }

  /// The answers about single files.
  static let guestAnswers = ParserFuzzer(text: "guest-answers") { text in
    try GuestQuestions.forEachAnswer(in: text) { number, lines in
      _ = Explanation(attribute: lines, ranges: [])
      guard let layout = DataLayout(parsing: lines, size: 1 << 40) else { return }
      var end: UInt64 = 0
      for part in layout.parts {
        try check(part.lowerBound >= end && !part.isEmpty && part.upperBound <= 1 << 40, "\(layout)")
        end = part.upperBound
      }
      try check(layout.parts.count <= DataLayout.maximumParts, "\(layout.parts.count) parts")
    }
  }

  /// The block lists of encrypted files and of extended attribute values, as debugfs(8) prints them.
  static let encryptedFiles = ParserFuzzer(text: "encrypted-files") { text in
    let answer = EncryptedFiles.Answer(parsing: text, asked: [12, 13, 1 << 40])
    try check(answer.pieces.allSatisfy { !$0.range.isEmpty }, "\(answer)")
    try check(answer.inodes.isSubset(of: [12, 13, 1 << 40]), "\(answer.inodes)")
    for block in ExtAttributeValues.blocks(parsing: text.split(separator: "\n"), size: 4096) {
      try check(!block.range.isEmpty, "\(block)")
    }
  }
}
