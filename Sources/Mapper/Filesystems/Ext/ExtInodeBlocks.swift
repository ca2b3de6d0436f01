import Bytes
import WalkAssembly

/// The blocks of ext2, ext3 and ext4 inodes that hold no file data, as debugfs(8) prints them: extended attributes,
/// block mapping (indirect and extent tree) blocks, and the targets of symbolic links. This includes attribute values
/// in separate inodes.
enum ExtInodeBlocks {
  static let tools = ["debugfs"]

  static func questions(about inodes: some Sequence<UInt64>) -> String {
    inodes.map { "stat <\($0)>\n" }.joined()
  }

  /// Prints what `blocks(parsing:inodes:)` parses, for the device `$d`; `$q` holds the questions. The script splits
  /// the block lists into one entry per line and keeps the blocks that are not data, and the first block, which is
  /// the only one of a link. `-c` keeps debugfs from reading the bitmaps. If a link has no blocks, debugfs prints its
  /// target, which may be any text, after everything that is used here.
  static let script = """
    echo "block size: $(stat -f -c %S /sysroot)"
    e=/dev/null
    case " $(timeout 600 debugfs -c -R features $d) " in *' ea_inode '*) e=$q.answer ;; esac
    timeout 600 debugfs -c -f $q $d | sed -nE '
      s/^debugfs: stat <([0-9]+)>$/inode \\1/p
      s/^File ACL: ([0-9]+).*/acl \\1/p
      s/^Fast link dest: .*/end/p
      /^\\(/ { s/, /\\n/g; p; }' | grep -E '^(block size|inode|acl|end|\\((0|[A-Z]+[0-9]*)\\):)' | head -c 256M | tee $e
    if [ $e != /dev/null ]; then
    \(ExtAttributeValues.script)
    fi
    """

  /// - Parameter inodes: the inodes in the questions, in order.
  static func blocks(parsing text: String, inodes: [UInt64]) -> [InodeBlock] {
    let lines = text.lines
    guard let size = ToolNumbers(lines.prefix(1))["block size"], (1024...65536).contains(size) else { return [] }
    let values = lines.firstIndex { $0.hasPrefix("owner ") } ?? lines.endIndex
    return blocks(lines[1..<max(1, values)], size: size, inodes: inodes)
      + ExtAttributeValues.blocks(parsing: lines[values...], size: size)
  }

  private static func blocks(_ lines: ArraySlice<Substring>, size: UInt64, inodes: [UInt64]) -> [InodeBlock] {
    var result: [InodeBlock] = []
    var next = 0
    var inode: UInt64?
    for line in lines {
      if line.hasPrefix("inode ") {
        inode = UInt64(line.dropFirst(6))
        guard next < inodes.count, inode == inodes[next] else { return result }
        next += 1
      } else if line == "end" {
        inode = nil
      } else if let inode, let entry = entry(line), let start = entry.block.times(size), start.plus(size) != nil,
        start > 0
      {
        result.append(InodeBlock(inode: inode, range: start..<start + size, isContent: entry.isContent))
      }
    }
    return result
  }

  /// Parses `acl 12`, `(ETB0):13`, `(IND):14` or `(0):15`.
  private static func entry(_ line: Substring) -> (block: UInt64, isContent: Bool)? {
    if line.hasPrefix("acl ") { return UInt64(line.dropFirst(4)).map { ($0, false) } }
    guard let colon = line.firstIndex(of: ":"), let block = UInt64(line[line.index(after: colon)...]) else {
      return nil
    }
    return (block, line.hasPrefix("(0)"))
  }
}
