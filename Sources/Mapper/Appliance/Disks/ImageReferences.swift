import BlockMap
import Bytes

/// The other files that a disk image refers to.
///
/// Opening an image also opens these files, and the image may come from an untrusted source: it could name any file
/// of the host. So images that name other files are rejected unless the user allows them. qemu's own tools cannot
/// be asked, because some of them open the files to answer.
package enum ImageReferences: Equatable {
  /// A file that supplies the data of clusters that the image does not allocate.
  case backingFile([UInt8])
  /// A file that holds the image's data.
  case dataFile
  /// A parent, which qemu-nbd ignores: it would serve contents that no disk ever had.
  case ignoredParent

  /// The number of bytes of the header that `find` needs.
  package static let headerSize = 104
  /// The longest name of a backing file that qemu accepts, in bytes.
  package static let longestName = 1023

  /// Looks for references in an image of any format. Returns nil if the image names no other file, or if its header
  /// is too short.
  /// - Parameters:
  ///   - header: the first `headerSize` bytes of the image, or fewer if it is shorter.
  ///   - bytes: returns bytes of the image at an offset, fewer at its end.
  package static func find(inHeader header: [UInt8], bytes: (_ at: UInt64, _ count: Int) -> [UInt8]) -> ImageReferences?
  {
    let fields = Fields(bytes: header)
    // qcow and qcow2, https://www.qemu.org/docs/master/interop/qcow2.html: magic, version, offset and size of the
    // backing file name; from version 3 on, the incompatible features, where bit 2 means an external data file.
    if header.starts(with: [0x51, 0x46, 0x49, 0xfb]) {
      if fields.big(at: 4, width: 4) >= 3, fields.big(at: 72, width: 8) & 4 != 0 { return .dataFile }
      let offset = fields.big(at: 8, width: 8)
      guard offset != 0 else { return nil }
      let count = min(fields.big(at: 16, width: 4), UInt64(longestName))
      return .backingFile(bytes(offset, Int(count)))
    }
    // QED, https://wiki.qemu.org/Features/QED/Specification: magic, the features at offset 16, where bit 0 means a
    // backing file, and the offset and size of its name at offset 56.
    if header.starts(with: [0x51, 0x45, 0x44, 0]) {
      guard fields.little(at: 16, width: 8) & 1 != 0 else { return nil }
      let count = min(fields.little(at: 60, width: 4), UInt64(longestName))
      return .backingFile(bytes(fields.little(at: 56, width: 4), Int(count)))
    }
    // Virtual Hard Disk Image Format Specification, "Hard Disk Footer Format": cookie, and the disk type at offset
    // 60, which is 4 for a differencing disk. All disks except fixed ones start with a copy of the footer.
    if header.starts(with: "conectix".utf8), fields.big(at: 60, width: 4) == 4 { return .ignoredParent }
    return nil
  }

  /// The end of a sentence about the image, for a message.
  package var explanation: String {
    switch self {
    case .backingFile(let name):
      "it has a backing file, \(Escaping.text(name, as: .path)); --allow-external lets it be opened"
    case .dataFile: "its data is in another file; --allow-external lets it be opened"
    case .ignoredParent: "it is a differencing disk, which qemu-nbd cannot read"
    }
  }
}

/// Numbers at fixed offsets of a header, or 0 if they extend beyond its end.
private struct Fields {
  let bytes: [UInt8]

  func big(at offset: Int, width: Int) -> UInt64 { number(bytes.dropFirst(offset).prefix(width), width) }
  func little(at offset: Int, width: Int) -> UInt64 {
    number(bytes.dropFirst(offset).prefix(width).reversed(), width)
  }

  private func number(_ digits: some Collection<UInt8>, _ width: Int) -> UInt64 {
    digits.count == width ? digits.reduce(0) { $0 << 8 | UInt64($1) } : 0
  }
}
