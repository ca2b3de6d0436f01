import Appliance
import BlockMap
import BlockStack
import Bytes
import DiskImage
import FileProof
import Filesystems
import Guestfs
import WalkAssembly
import WalkRecord

/// Verifies what was found by reading: for some files, the bytes that the guest reads must equal those on the disks
/// where the files were found. The filesystem's own report proves nothing, but shows which files to check.
struct ReadProof {
  let guest: Guest
  let filesystem: Guestfs.Filesystem
  let space: Guest.AddressSpace

  /// How many files are compared in any case.
  private static let maximumCompared = 16
  /// How many more files are compared, out of those that are not where the filesystem says.
  private static let maximumDoubted = 256
  /// How many bytes of a large file are compared. This is enough to detect a wrong location.
  private static let comparedBytes: UInt64 = 4 << 20

  /// Verifies a walk that read all files. Removes wrong files from it, with a warning.
  func prove(_ walk: inout WalkAssembler, _ draft: inout MapDraft) throws {
    let doubted = walk.contradictedFiles(space.table, device: space.device)
    let sample = Array(doubted.prefix(Self.maximumDoubted)) + walk.someFiles(count: Self.maximumCompared)
    var wrong = try filesWithOtherBytes(sample, in: walk)
    guard let first = wrong.min() else { return }
    // If some of the doubted files are wrong, those that were not compared cannot be trusted either.
    wrong.formUnion(doubted.dropFirst(Self.maximumDoubted))
    walk.forget(wrong)
    let others = wrong.count > 1 ? " and \(wrong.count - 1) other files" : ""
    draft.warnOfGap(
      "\(filesystem.title): \(shown(walk.tree.path(of: first)))\(others) cannot be located by asking the "
        + "filesystem or by reading; they are not in the map, and other files may be wrong: check the map with virt-bmap verify"
    )
  }

  /// Compares files of the mounted filesystem with the disks.
  /// - Returns: the files that are not where the walk found them.
  func filesWithOtherBytes(
    _ objects: [Record.ObjectID], in walk: WalkAssembler
  ) throws -> Set<Record.ObjectID> {
    let files = walk.ranges(of: Set(objects))
    let written = guest.pump.written
    // Compressed data differs from the file's bytes, and what a journal replay wrote is not on the disk.
    let asked = Set(objects).sorted().filter { object in
      guard let file = files[object], !file.hasEncoded else { return false }
      return !file.ranges.contains { range in
        written.overlap(DeviceTable.Location(disk: Int(range.disk), range: range.range, offset: 0))
      }
    }
    guard !asked.isEmpty else { return [] }
    let questions = GuestQuestions(appliance: guest.appliance)
    let answers = try questions.ask(
      asked.map { (.beginning(bytes: Self.comparedBytes), walk.tree.path(of: $0)) })
    let disks = try guest.openRecordedDisks()
    defer { for disk in disks { disk.close() } }
    let rebuild = FileRebuild(disks: guest.decrypted(disks), isCancelled: guest.isCancelled)
    var different: [(object: Record.ObjectID, size: UInt64, inode: UInt64)] = []
    for (object, lines) in zip(asked, answers) {
      let fields = lines.first?.fields ?? []
      // An unreadable file has already been reported.
      guard fields.count == 3, let size = UInt64(fields[0]), let inode = UInt64(fields[1]),
        let digest = fields[2].utf8.hexDecoded, let ranges = files[object]?.ranges
      else { continue }
      if case .digest(let rebuilt) = try rebuild.file(size: min(size, Self.comparedBytes), of: ranges),
        rebuilt == digest
      {
        continue
      }
      different.append((object, size, inode))
    }
    guard !different.isEmpty else { return [] }
    let isInFileTable = filesystem.knownType.evidence == .fileTable
    // Some files are stored in another form, or have no blocks of their own.
    let reasons = try questions.ask(
      different.map { file in
        (isInFileTable ? .attribute(inode: file.inode) : .extents, walk.tree.path(of: file.object))
      })
    let check = ExtentCheck(table: space.table, device: space.device)
    let unexplained = zip(different, reasons).filter { file, lines in
      let ranges = files[file.object]?.ranges ?? []
      let explanation =
        isInFileTable
        ? Explanation(attribute: lines, ranges: ranges)
        : check.explain(lines.compactMap { GuestExtent(line: $0) }, size: file.size, ranges: ranges)
      if case .none = explanation { return true }
      return false
    }
    return Set(unexplained.map(\.0.object))
  }
}
