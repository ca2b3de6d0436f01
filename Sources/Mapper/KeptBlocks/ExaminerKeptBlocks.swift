import Glibc
import Guestfs
import SystemPackage
import WalkRecord

/// What a filesystem keeps for files, directories, links and special files beside their bytes.
extension Examiner {
  private static let questionsFile = "/tmp/virt-bmap-inodes"
  /// About how many inodes a tool is asked in one go.
  private static let most = 20_000

  /// Asks the filesystem's own tools about the inodes that the walk has named. The filesystem is mounted.
  func addKeptBlocks(to walk: inout WalkAssembler, type: String, _ space: AddressSpace, name: String) throws {
    guard space.isFollowed, let tool = KeptBlocksTool(type: type) else { return }
    let inodes = walk.inodes.keys.sorted()
    for start in stride(from: 0, to: inodes.count, by: Self.most) {
      guard !isCancelled() else { throw MapperError.interrupted }
      let part = Array(inodes[start..<min(inodes.count, start + Self.most)])
      guard let text = try answer(tool, about: part, name: name) else { return }
      for block in tool.blocks(text, part) {
        guard let object = walk.inodes[block.inode], !block.isContent || walk.tree.kind(of: object) == .other else {
          continue
        }
        walk.addKept(object, block.range, offset: block.offset)
      }
    }
  }

  /// - Returns: nil where the tool is missing or fails, which has been said.
  private func answer(_ tool: KeptBlocksTool, about inodes: [UInt64], name: String) throws -> String? {
    do {
      try upload(tool.questions(inodes))
      let text = try appliance.longShell(
        """
        for t in \(tool.tools.joined(separator: " ")); do command -v $t >/dev/null || echo "missing $t"; done
        export LC_ALL=C q=\(Self.questionsFile) d=$(grep ' /sysroot ' /proc/mounts | tail -n 1 | cut -d ' ' -f 1)
        { \(tool.script)
        } 2>/dev/null
        true
        """)
      let output = String(decoding: text, as: UTF8.self)
      guard let first = output.split(separator: "\n").first, first.hasPrefix("missing ") else { return output }
      reporter.detail("\(name): the appliance has no \(first.dropFirst(8)); links' and attributes' blocks are left out")
    } catch let error as GuestfsError {
      try checkHelpers()
      reporter.detail("\(name): links' and attributes' blocks are left out: \(error)")
    }
    return nil
  }

  private func upload(_ text: String) throws {
    // In the directory of this run.
    let file = FilePath(getenv("TMPDIR").map { String(cString: $0) } ?? "/var/tmp").appending("inodes")
    let output = try FileDescriptor.open(
      file, .writeOnly, options: [.create, .truncate, .closeOnExec], permissions: .ownerReadWrite)
    try output.closeAfter { _ = try output.writeAll(text.utf8) }
    try appliance.uploadToAppliance(file.string, name: Self.questionsFile, mode: 0o644)
  }
}

/// The tool that knows the blocks of one type of filesystem.
private struct KeptBlocksTool {
  var tools: [String]
  var script: String
  var questions: ([UInt64]) -> String
  var blocks: (String, [UInt64]) -> [KeptBlock]

  /// By blkid(8)'s name; nil for a type that is not asked.
  init?(type: String) {
    switch type {
    case "ext2", "ext3", "ext4":
      (tools, script) = (ExtKeptBlocks.tools, ExtKeptBlocks.script)
      questions = { ExtKeptBlocks.questions(about: $0) }
      blocks = { ExtKeptBlocks.blocks(parsing: $0, inodes: $1) }
    case "xfs":
      (tools, script) = (XFSKeptBlocks.tools, XFSKeptBlocks.script)
      questions = { XFSKeptBlocks.questions(about: $0) }
      blocks = { XFSKeptBlocks.blocks(parsing: $0, inodes: $1) }
    default: return nil
    }
  }
}
