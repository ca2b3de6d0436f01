import Appliance
import BlockStack
import Bytes
import Filesystems
import Guestfs
import WalkAssembly
import WalkRecord

/// Encrypted ext4 files (fscrypt) whose key is missing. The kernel lists them under names derived from the encrypted
/// names and does not open them, but debugfs(8) can read their inodes, which say where their data is.
struct EncryptedFiles {
  let guest: Guest
  let filesystem: Guestfs.Filesystem
  let space: Guest.AddressSpace

  static let tools = ["debugfs"]

  static func questions(about inodes: some Sequence<UInt64>) -> String {
    inodes.map { "stat <\($0)>\n" }.joined()
  }

  /// Prints what `Answer` parses, for the device `$d`; `$q` holds the questions. `-c` keeps debugfs from reading the
  /// bitmaps.
  static let script = """
    echo "block size: $(stat -f -c %S /sysroot)"
    timeout 600 debugfs -c -f $q $d | sed -nE '
      s/^debugfs: stat <([0-9]+)>$/inode \\1/p
      s/^User: .* Size: ([0-9]+)$/size \\1/p
      /^\\(/ { s/, /\\n/g; s/^/piece /mg; p; }' | grep -E '^(block size|inode|size|piece \\([0-9-]+(\\[u\\])?\\):)' | head -c 256M
    """

  /// A part of a file that is contiguous on the device.
  struct Piece: Equatable {
    var inode: UInt64
    /// The range in the filesystem's address space, in bytes: whole blocks.
    var range: Range<UInt64>
    /// The offset in the file, in bytes.
    var offset: UInt64
    /// It holds none of the file's bytes: it has not been written, or lies beyond the end of the file.
    var isUnwritten = false
  }

  /// The output of the script.
  struct Answer: Equatable {
    /// The inodes that the output describes.
    var inodes: Set<UInt64> = []
    var pieces: [Piece] = []

    /// - Parameter asked: the inodes that the script was asked about.
    init(parsing text: String, asked: [UInt64]) {
      let lines = text.lines
      guard let block = ToolNumbers(lines.prefix(1))["block size"], (1024...65536).contains(block) else { return }
      let known = Set(asked)
      var inode: UInt64?
      // Blocks allocated past the end of a file hold none of its bytes.
      var end: UInt64 = 0
      for line in lines.dropFirst() {
        if line.hasPrefix("inode ") {
          inode = UInt64(line.dropFirst(6)).flatMap { known.contains($0) ? $0 : nil }
          end = 0
        } else if line.hasPrefix("size "), let inode, let size = UInt64(line.dropFirst(5)),
          let rounded = size.plus(block - 1)
        {
          end = rounded / block * block
          inodes.insert(inode)
        } else if line.hasPrefix("piece "), let inode {
          pieces += Self.pieces(line.dropFirst(6), of: inode, block, end: end)
        }
      }
    }

    /// Parses `(0-7):8705-8712`, `(8):8720` or, if it is unwritten, `(9-12[u]):8800-8803`, in blocks.
    private static func pieces(_ text: Substring, of inode: UInt64, _ block: UInt64, end: UInt64) -> [Piece] {
      let parts = text.parts(between: ":")
      guard parts.count == 2, parts[0].first == "(", parts[0].last == ")" else { return [] }
      let blocks = parts[0].dropFirst().dropLast()
      let isUnwritten = blocks.hasSuffix("[u]")
      guard let logical = range(blocks.dropLast(isUnwritten ? 3 : 0), block), let physical = range(parts[1], block),
        logical.count == physical.count, physical.lowerBound > 0
      else { return [] }
      let bytes = isUnwritten ? 0 : UInt64(logical.clamped(to: 0..<end).count)
      let middle = physical.lowerBound + bytes
      return [
        Piece(inode: inode, range: physical.lowerBound..<middle, offset: logical.lowerBound),
        Piece(
          inode: inode, range: middle..<physical.upperBound, offset: logical.lowerBound + bytes, isUnwritten: true),
      ].filter { !$0.range.isEmpty }
    }

    /// Converts a range of blocks to bytes.
    private static func range(_ text: Substring, _ block: UInt64) -> Range<UInt64>? {
      let numbers = text.parts(between: "-").map { UInt64($0) }
      guard (1...2).contains(numbers.count), let first = numbers.first ?? nil, let last = numbers.last ?? nil,
        first <= last,
        let start = first.times(block), let end = last.plus(1)?.times(block), end <= UInt64(Int64.max)
      else { return nil }
      return start..<end
    }
  }
}

extension EncryptedFiles {
  private static let encryptedQuestions = "/tmp/virt-bmap-encrypted"
  /// The most inodes that the tool is asked about at once.
  private static let maximumEncrypted = 20_000

  /// Locates the files that the walk could not open without their key. The filesystem must be mounted. A file that
  /// debugfs cannot locate counts as unreadable.
  func add(to walk: inout WalkAssembler, _ draft: inout MapDraft) throws {
    let name = filesystem.shownName
    let inodes = walk.encrypted.keys.sorted()
    guard !inodes.isEmpty else { return }
    guest.reporter.detail(
      "\(name): \(inodes.count) files are encrypted; they have the names that the kernel shows without the key")
    for start in stride(from: 0, to: inodes.count, by: Self.maximumEncrypted) {
      guard !guest.isCancelled() else { throw MapperError.interrupted }
      let part = Array(inodes[start..<min(inodes.count, start + Self.maximumEncrypted)])
      var text: String?
      if space.isFollowed {
        try guest.appliance.upload(text: Self.questions(about: part), name: Self.encryptedQuestions)
        text = try guest.output(
          of: Self.script, tools: Self.tools,
          variables: "q=\(Self.encryptedQuestions) d=\(mountedDevice)",
          else: "\(name): encrypted files are not in the map", warn: guest.reporter.detail,
          missing: { draft.warnOfMissing(tool: $0, for: "encrypted files on \(filesystem.typeName)") })
      }
      let answer = Answer(parsing: text ?? "", asked: part)
      for piece in answer.pieces {
        walk.addData(of: piece.inode, piece.range, offset: piece.offset, isUnwritten: piece.isUnwritten)
      }
      for inode in part where !answer.inodes.contains(inode) { walk.failEncrypted(inode) }
    }
  }
}
