import Appliance
import Guestfs
import WalkAssembly
import WalkRecord

/// Finds what a filesystem stores for files, directories, links and special files besides their data, and on XFS the
/// directories themselves. Btrfs has this in its tree (`BtrfsTree`), and NTFS in its file table, which the walker
/// reads.
extension Examiner {
  private static let questionsFile = "/tmp/virt-bmap-inodes"
  /// The most inodes that a tool is asked about at once.
  private static let most = 20_000

  /// Asks the filesystem's own tools about the inodes that the walk reported. The filesystem must be mounted.
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
  /// Makes the questions about inodes; the closure says which of them are files.
  var questions: ([UInt64], (UInt64) -> Bool) -> String
  var blocks: (String, [UInt64]) -> [KeptBlock]
  /// Whether the tool says where all of a directory is.
  var tellsDirectories: Bool

  /// Takes blkid(8)'s name of the type; nil for a type for which no tool is asked.
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
