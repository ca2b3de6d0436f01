import Bytes
import Glibc
import Guestfs

/// Lists the filesystem on the appliance's /sysroot with find(1), and has b2sum(1) read its files, so that none of
/// virt-bmap's own code takes part in it.
///
/// The tools' output goes to files in the appliance and is fetched in pieces, so that neither its size nor a NUL
/// matters. Each record is a line; a newline in it is written as `\n`, and a backslash as two.
package struct GuestListing {
  /// A file or directory of the guest.
  package struct Entry {
    package var isDirectory: Bool
    /// In bytes.
    package var size: UInt64
    /// The allocated space, in bytes.
    package var allocated: UInt64
    package var inode: UInt64
    /// The path from the filesystem's root, which is `/` itself.
    package var path: [UInt8]
  }

  private static let list = "/tmp/virt-bmap-list"
  /// How long listing a filesystem may take, in seconds. Ten million files take a quarter of an hour.
  private static let patience = 4 * 3600
  private static let names = "/tmp/virt-bmap-names"
  private static let digests = "/tmp/virt-bmap-digests"
  private static let failures = "/tmp/virt-bmap-failures"
  /// The line after the last digest.
  private static let end = "end"
  private static let lines = #"LC_ALL=C sed -z 's/\\/\\\\/g; s/\n/\\n/g' | tr '\0' '\n'"#
  /// The largest size of a file that `readFiles` reads, in units of 512 bytes. Larger files, which may be mostly holes,
  /// and files with a path longer than a system call accepts are asked about one by one.
  private static let maximumBlocks = 1 << 15
  private static let longPath = 3900

  package let appliance: Guestfs

  package init(appliance: Guestfs) {
    self.appliance = appliance
  }

  /// Lists everything below /sysroot that is on the same filesystem.
  /// - Returns: how many files and directories could not be examined.
  package func list(_ body: (Entry) throws -> Void) throws -> Int {
    _ = try appliance.longShell(
      """
      cd /sysroot || exit 1
      long=$(printf '%\(Self.longPath)s' '' | tr ' ' '?')
      { find . -xdev -type d -printf 'd 0 0 %i /%P\\0' -o -type f -printf 'f %s %b %i /%P\\0' \
        -size +0 -size -\(Self.maximumBlocks + 1) ! -path "$long*" -fprint0 \(Self.names) 2>\(Self.failures)
      } | \(Self.lines) >\(Self.list)
      """, limit: Self.patience)
    var lines = LineReader(appliance: appliance, file: Self.list)
    while !lines.isAtEnd {
      for line in try lines.next() { if let entry = Self.entry(line) { try body(entry) } }
    }
    let failed = try appliance.shell("wc -l <\(Self.failures)")
    return Int(String(decoding: failed, as: UTF8.self).filter { !$0.isWhitespace }) ?? 0
  }

  /// Parses `f SIZE BLOCKS INODE /PATH`.
  package static func entry(_ line: ArraySlice<UInt8>) -> Entry? {
    let fields = line.split(separator: 0x20, maxSplits: 4, omittingEmptySubsequences: false)
    guard fields.count == 5, let size = number(fields[1]), let blocks = number(fields[2]), let inode = number(fields[3])
    else { return nil }
    return Entry(
      isDirectory: fields[0].first == UInt8(ascii: "d"), size: size, allocated: blocks.multipliedFullWidth(by: 512).low,
      inode: inode, path: unescaped(fields[4]))
  }

  /// Reads the files that `list` has found and calls `body` with their digests, in the order of the list, while the
  /// appliance reads on. A file that cannot be read has no digest.
  package func readFiles(_ body: ([(path: [UInt8], digest: [UInt8])]) throws -> Void) throws {
    let reader = try appliance.shell(
      """
      cd /sysroot || exit 1
      rm -f \(Self.digests)
      { xargs -0 -r -a \(Self.names) b2sum -z -- | \(Self.lines); echo \(Self.end)
      } </dev/null >\(Self.digests) 2>/dev/null &
      echo $!
      """)
    let isOver = "kill -0 \(String(decoding: reader, as: UTF8.self).filter(\.isNumber)) 2>/dev/null || echo over; true"
    var wasOver = false
    var lines = LineReader(appliance: appliance, file: Self.digests)
    while true {
      let found = try lines.next()
      try body(found.compactMap(Self.digest))
      if found.last?.elementsEqual(Self.end.utf8) ?? false { return }
      guard lines.isAtEnd else { continue }
      guard !wasOver else { throw GuestfsError("what reads its files ended early") }
      wasOver = try !appliance.shell(isOver).isEmpty
      if !wasOver { usleep(200_000) }
    }
  }

  /// Parses `HEX  ./PATH`.
  package static func digest(_ line: ArraySlice<UInt8>) -> (path: [UInt8], digest: [UInt8])? {
    let digits = 128
    guard line.count > digits + 3, let digest = line.prefix(digits).hexDecoded else { return nil }
    return (unescaped(line.dropFirst(digits + 3)), digest)
  }

  private static func number(_ digits: ArraySlice<UInt8>) -> UInt64? {
    UInt64(String(decoding: digits, as: UTF8.self))
  }

  private static func unescaped(_ text: ArraySlice<UInt8>) -> [UInt8] {
    guard text.contains(0x5c) else { return Array(text) }
    var result: [UInt8] = []
    var rest = text
    while let byte = rest.popFirst() {
      guard byte == 0x5c, let escaped = rest.popFirst() else {
        result.append(byte)
        continue
      }
      result.append(escaped == UInt8(ascii: "n") ? 0x0a : escaped)
    }
    return result
  }
}

/// Reads the lines of a file in the appliance, in pieces. The file may still grow.
private struct LineReader {
  private static let pieceSize = 1 << 20
  /// Longer than any path that a walk can have, in bytes.
  private static let maximumLine = 1 << 26

  let appliance: Guestfs
  let file: String
  private var position = 0
  private var rest: [UInt8] = []
  /// Whether the last read reached the current end of the file.
  private(set) var isAtEnd = false

  init(appliance: Guestfs, file: String) {
    self.appliance = appliance
    self.file = file
  }

  /// The next complete lines; empty if there are none yet.
  mutating func next() throws -> [ArraySlice<UInt8>] {
    let piece = try appliance.read(applianceFile: file, at: position, count: Self.pieceSize)
    position += piece.count
    isAtEnd = piece.count < Self.pieceSize
    rest += piece
    guard let end = rest.lastIndex(of: 0x0a) else {
      guard rest.count <= Self.maximumLine else { throw GuestfsError("\(file): a line is too long") }
      return []
    }
    let lines = rest[..<end].split(separator: 0x0a)
    rest.removeSubrange(...end)
    return lines
  }
}
