import Appliance
import Guestfs
import WalkAssembly
import WalkRecord

/// What a filesystem keeps for files, directories, links and special files beside their bytes; and on XFS the directories
/// themselves. Btrfs's is in its tree (`BtrfsTree`), NTFS's in its file table, which the walker reads.
extension Examiner {
  private static let questionsFile = "/tmp/virt-bmap-inodes"
  /// About how many inodes a tool is asked in one go.
  private static let most = 20_000

  /// Asks the filesystem's own tools about the inodes that the walk has named. The filesystem is mounted.
  func addKeptBlocks(to walk: inout WalkAssembler, type: String, _ space: Guest.AddressSpace, name: String) throws {
    guard space.isFollowed, let tool = KeptBlocksTool(type: type) else { return }
    let inodes = walk.inodes.keys.sorted()
    var directories: [Record.ObjectID: [KeptBlock]] = [:]
    for start in stride(from: 0, to: inodes.count, by: Self.most) {
      guard !guest.isCancelled() else { throw MapperError.interrupted }
      let part = Array(inodes[start..<min(inodes.count, start + Self.most)])
      try guest.appliance.upload(text: tool.questions(part) { isFile($0, walk) }, name: Self.questionsFile)
      guard
        let text = try guest.output(
          of: tool.script, tools: tool.tools,
          variables: "q=\(Self.questionsFile) d=$(grep ' /sysroot ' /proc/mounts | tail -n 1 | cut -d ' ' -f 1)",
          orSay: "\(name): what is kept beside links and files is left out")
      else { return }
      for block in tool.blocks(text, part) {
        guard let object = walk.inodes[block.inode] else { continue }
        switch walk.tree.kind(of: object) {
        case .directory where block.isContent && tool.tellsDirectories: directories[object, default: []].append(block)
        case .directory where block.isContent, .file where block.isContent: continue
        default: walk.addKept(object, block.range, offset: block.offset)
        }
      }
    }
    walk.replaceDirectories(directories)
  }

  private func isFile(_ inode: UInt64, _ walk: WalkAssembler) -> Bool {
    walk.inodes[inode].map { walk.tree.kind(of: $0) == .file } ?? false
  }
}

/// The tool that knows the blocks of one type of filesystem.
private struct KeptBlocksTool {
  var tools: [String]
  var script: String
  /// Of these inodes, of which some are files.
  var questions: ([UInt64], (UInt64) -> Bool) -> String
  var blocks: (String, [UInt64]) -> [KeptBlock]
  /// Whether it says where all of a directory is.
  var tellsDirectories: Bool

  /// By blkid(8)'s name; nil for a type that is not asked.
  init?(type: String) {
    switch type {
    case "ext2", "ext3", "ext4":
      (tools, script) = (ExtKeptBlocks.tools, ExtKeptBlocks.script)
      questions = { inodes, _ in ExtKeptBlocks.questions(about: inodes) }
      blocks = { ExtKeptBlocks.blocks(parsing: $0, inodes: $1) }
      tellsDirectories = false
    case "xfs":
      (tools, script) = (XFSKeptBlocks.tools, XFSKeptBlocks.script)
      questions = { XFSKeptBlocks.questions(about: $0, isFile: $1) }
      blocks = { XFSKeptBlocks.blocks(parsing: $0, inodes: $1) }
      tellsDirectories = true
    default: return nil
    }
  }
}
