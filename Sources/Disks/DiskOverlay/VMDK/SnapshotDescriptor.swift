import DiskImage
import Glibc
import SystemPackage

/// The descriptor of a snapshot: text in VMware's format, with an extra comment that identifies the base disk more
/// reliably than its CID.
///
/// The format is in VMware's technical note "Virtual Disk Format 5.0", section "The Descriptor File".
enum SnapshotDescriptor {
  /// What the comment says about the base disk at the time the snapshot was created.
  struct Base: Equatable {
    /// From `BaseIdentity.digest`.
    var identity: [UInt8]
    /// From `BaseIdentity.lastChange`.
    var changed: UInt64
  }

  private static let comment = "# virt-bmap base "

  /// The text of a new descriptor, padded with NULs.
  /// - Parameters:
  ///   - size: the size of the disk, in bytes.
  ///   - room: the length of the padded text, in bytes.
  static func text(
    over parent: SnapshotParent, _ path: FilePath, size: UInt64, room: Int
  ) throws(DiskError) -> [UInt8] {
    let hint = try parent.hint(from: path)
    let name = FilePath(root: nil, path.components.suffix(1)).bytes
    for name in [hint, name] {
      // A descriptor cannot escape these characters in a name.
      guard !name.contains(UInt8(ascii: "\"")), name.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
        throw DiskError(
          path,
          "a VMDK snapshot cannot name the file \"\(printable(name))\": it has a quotation mark or a control "
            + "character in its name", errno: EINVAL)
      }
    }
    var text = Array("# Disk DescriptorFile\nversion=1\n".utf8)
    // Names are bytes. The encoding is known only if they are valid UTF-8.
    if String(validating: hint + name, as: UTF8.self) != nil { text += Array("encoding=\"UTF-8\"\n".utf8) }
    text += Array(
      "CID=\(hexadecimal(newCID(butNot: [parent.cid])))\nparentCID=\(hexadecimal(parent.cid))\n".utf8)
    text += Array("createType=\"monolithicSparse\"\nparentFileNameHint=\"".utf8) + hint + Array("\"\n".utf8)
    text += Array("\(comment)\(digits(of: parent.identity)) \(parent.changed)\n".utf8)
    text += Array("\n# Extent description\nRW \(size / 512) SPARSE \"".utf8) + name + Array("\"\n".utf8)
    text += Array("\n# The Disk Data Base\n#DDB\n\n".utf8)
    for line in database(of: parent.link) { text += Array("\(line)\n".utf8) }
    guard text.count < room else {
      throw DiskError(path, "the names of the files are too long for a VMDK snapshot", errno: ENAMETOOLONG)
    }
    return text + Array(repeating: 0, count: room - text.count)
  }

  /// The settings that the snapshot must share with its parent: the geometry and the adapter.
  private static func database(of parent: DiskLink) -> [String] {
    let keys = [
      "ddb.adapterType", "ddb.virtualHWVersion", "ddb.geometry.cylinders", "ddb.geometry.heads", "ddb.geometry.sectors",
    ]
    return keys.compactMap { key in
      guard let value = parent.database.first(where: { $0.key == key })?.value, value.count <= 32,
        value.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "z") ~= $0 })
      else { return nil }
      return "\(key) = \"\(String(decoding: value, as: UTF8.self))\""
    }
  }

  /// A random content ID that is not one of `others`, and has no special meaning.
  static func newCID(butNot others: [UInt32]) -> UInt32 {
    while true {
      let cid = UInt32.random(in: 1..<UInt32.max - 1)
      if !others.contains(cid) { return cid }
    }
  }

  /// Replaces the content ID in the text.
  /// - Returns: `nil` if there is no content ID, or no space for the new one.
  static func replaceCID(in text: [UInt8], with cid: UInt32) -> [UInt8]? {
    var lines = text.prefix { $0 != 0 }.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    guard let number = lines.firstIndex(where: { isCID($0) }) else { return nil }
    let end = lines[number].last == UInt8(ascii: "\r") ? "\r" : ""
    lines[number] = ArraySlice("CID=\(hexadecimal(cid))\(end)".utf8)
    let result = Array(lines.joined(separator: [UInt8(ascii: "\n")]))
    return result.count <= text.count ? result + Array(repeating: 0, count: text.count - result.count) : nil
  }

  private static func isCID(_ line: ArraySlice<UInt8>) -> Bool {
    guard let sign = line.firstIndex(of: UInt8(ascii: "=")) else { return false }
    let key = String(decoding: line[..<sign], as: UTF8.self)
    return key.lowercased().split(whereSeparator: { $0 == " " || $0 == "\t" }) == ["cid"]
  }

  /// What the comment says; `nil` if the text was written by another program.
  static func base(in text: [UInt8]) -> Base? {
    let comment = Array(comment.utf8)
    for line in text.prefix(while: { $0 != 0 }).split(separator: UInt8(ascii: "\n")) where line.starts(with: comment) {
      let words = String(decoding: line.dropFirst(comment.count), as: UTF8.self).split(separator: " ")
      guard words.count == 2, let changed = UInt64(words[1]) else { return nil }
      let digits = Array(words[0].utf8)
      guard digits.count == 2 * OverlayHeader.identitySize else { return nil }
      let identity = stride(from: 0, to: digits.count, by: 2).compactMap {
        UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)
      }
      return identity.count == OverlayHeader.identitySize ? Base(identity: identity, changed: changed) : nil
    }
    return nil
  }

  private static func digits(of bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
