import Appliance
import BlockStack
import Filesystems
import Guestfs
import WalkAssembly
import WalkRecord

/// Finds what a filesystem stores for files, directories, links and special files besides their data, and on XFS the
/// directories themselves. For Btrfs, this comes from its trees (`BtrfsTree`), and for NTFS from the file table,
/// which the walker reads.
struct InodeBlocks {
  let guest: Guest
  let filesystem: Guestfs.Filesystem
  let space: Guest.AddressSpace

  private static let questionsFile = "/tmp/virt-bmap-inodes"
  /// The most inodes that a tool is asked about at once.
  private static let maximum = 20_000

  /// Asks the filesystem's own tools about the inodes that the walk reported. The filesystem must be mounted.
  func add(to walk: inout WalkAssembler, _ draft: inout MapDraft) throws {
    guard space.isFollowed, let tool = filesystem.knownType.inodeBlocks else { return }
    let inodes = walk.inodes.keys.sorted()
    var directories: [Record.ObjectID: [InodeBlock]] = [:]
    for start in stride(from: 0, to: inodes.count, by: Self.maximum) {
      guard !guest.isCancelled() else { throw MapperError.interrupted }
      let part = Array(inodes[start..<min(inodes.count, start + Self.maximum)])
      try guest.appliance.upload(text: tool.questions(part) { isFile($0, walk) }, name: Self.questionsFile)
      guard
        let text = try guest.output(
          of: tool.script, tools: tool.tools,
          variables: "q=\(Self.questionsFile) d=\(mountedDevice)",
          else: "\(filesystem.shownName): attributes, links and lists of blocks are not in the map",
          warn: { draft.warnOfGap($0) },
          missing: { draft.warnOfMissing(tool: $0, for: "\(filesystem.typeName) filesystems") })
      else { return }
      for block in tool.blocks(text, part) {
        guard let object = walk.inodes[block.inode] else { continue }
        switch walk.tree.kind(of: object) {
        case .directory where block.isContent && tool.reportsDirectories: directories[object, default: []].append(block)
        case .directory where block.isContent, .file where block.isContent: continue
        default: walk.addMetadata(object, block.range, offset: block.offset)
        }
      }
    }
    walk.replaceDirectories(directories)
  }

  private func isFile(_ inode: UInt64, _ walk: WalkAssembler) -> Bool {
    walk.inodes[inode].map { walk.tree.kind(of: $0) == .file } ?? false
  }
}
