import Bytes
import WalkAssembly

/// The blocks of XFS inodes that hold no file data, as xfs_db(8) prints them: the targets of symbolic links,
/// directory entries and their index, extended attributes, and the B+trees that map all these and a file's data. For
/// files, the kernel itself reports where the attributes are.
enum XFSInodeBlocks {
  static let tools = ["xfs_db"]
  /// The unit of xfs_db's block addresses (daddr), in bytes.
  private static let sector: UInt64 = 512

  static func questions(about inodes: some Sequence<UInt64>, isFile: (UInt64) -> Bool) -> String {
    "sb 0\np blocksize agblocks\n"
      + inodes.map { inode in
        "echo inode \(inode)\ninode \(inode)\n" + (isFile(inode) ? "" : "bmap -d\nbmap -a\n")
          + "btdump -i\nbtdump -a -i\n"
      }.joined() + "echo end\n"
  }

  /// Prints what `blocks(parsing:inodes:)` parses, for the device `$d`; `$q` holds the questions.
  static let script = """
    timeout 600 xfs_db -r $d <$q | sed -nE '
      s/^(xfs_db> )*(blocksize|agblocks) = ([0-9]+)$/\\2: \\3/p
      s/^(xfs_db> )*inode ([0-9]+) *$/inode \\2/p
      s/^(xfs_db> )*end *$/end/p
      s/^(xfs_db> )*bmapbt[da] level [0-9]+ block [0-9]+ daddr ([0-9]+) *$/tree \\2/p
      s,^(xfs_db> )*(data|attr) offset ([0-9]+) startblock [0-9]+ \\(([0-9]+)/([0-9]+)\\) count ([0-9]+) .*,\\2 \\3 \\4 \\5 \\6,p
      ' | head -c 256M
    """

  /// - Parameter inodes: the inodes in the questions, in order.
  static func blocks(parsing text: String, inodes: [UInt64]) -> [InodeBlock] {
    let lines = text.lines
    let numbers = ToolNumbers(lines.prefix(2))
    guard let size = numbers["blocksize"], (512...65536).contains(size), let group = numbers["agblocks"] else {
      return []
    }
    var result: [InodeBlock] = []
    // How many blocks belong to completed inodes: the output may be truncated.
    var complete = 0
    var next = 0
    var inode: UInt64?
    for line in lines.dropFirst(2) {
      let fields = line.fields
      let values = fields.dropFirst().compactMap { UInt64($0) }
      if fields.first == "inode", values.count == 1 {
        complete = result.count
        guard next < inodes.count, values[0] == inodes[next] else { break }
        inode = values[0]
        next += 1
      } else if line == "end" {
        complete = result.count
      } else if fields.first == "tree", let inode, values.count == 1, let start = values[0].times(sector),
        let end = start.plus(size), start > 0
      {
        result.append(InodeBlock(inode: inode, range: start..<end))
      } else if let inode, values.count == 4, let offset = values[0].times(size),
        let start = values[1].times(group)?.plus(values[2])?.times(size), let count = values[3].times(size), count > 0,
        let end = start.plus(count)
      {
        result.append(
          InodeBlock(inode: inode, range: start..<end, offset: offset, isContent: fields.first == "data"))
      }
    }
    return Array(result.prefix(complete))
  }
}
