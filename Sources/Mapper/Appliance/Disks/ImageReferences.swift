import BlockMap
import Bytes

/// What an image names beside itself: whoever opens the image would open that as well, and an image may come from
/// anybody. qemu's own tools cannot be asked, since some of them open it to answer.
package enum ImageReferences: Equatable {
  /// A file whose bytes the image shows where it has none of its own.
  case backingFile([UInt8])
  /// A file that has the image's bytes.
  case dataFile
  /// A parent that qemu-nbd ignores: what it would show was never a disk.
  case ignoredParent

  /// The part of an image's start that has to be given, in bytes.
  package static let headerSize = 104
  /// The longest name of a backing file, in bytes, that qemu takes.
  package static let longestName = 1023

  /// Looks for them in an image of any format; one that names nothing gives nil, and so does one that is damaged.
  /// - Parameters:
  ///   - header: its first bytes, `headerSize` where it has so many.
  ///   - bytes: gives some of its bytes from an offset on, fewer at its end.
  package static func find(inHeader header: [UInt8], bytes: (_ at: UInt64, _ count: Int) -> [UInt8]) -> ImageReferences?
  {
    let fields = Fields(bytes: header)
    // qcow and qcow2, https://www.qemu.org/docs/master/interop/qcow2.html: magic, version, offset and size of the backing
    // file's name; since version 3 the incompatible features, of which bit 2 is the external data file.
    if header.starts(with: [0x51, 0x46, 0x49, 0xfb]) {
      if fields.big(at: 4, width: 4) >= 3, fields.big(at: 72, width: 8) & 4 != 0 { return .dataFile }
      let place = fields.big(at: 8, width: 8)
      guard place != 0 else { return nil }
      let count = min(fields.big(at: 16, width: 4), UInt64(longestName))
      return .backingFile(bytes(place, Int(count)))
    }
    // QED, https://wiki.qemu.org/Features/QED/Specification: magic, at 16 the features, of which bit 0 is the backing
    // file, at 56 offset and size of its name.
    if header.starts(with: [0x51, 0x45, 0x44, 0]) {
      guard fields.little(at: 16, width: 8) & 1 != 0 else { return nil }
      let count = min(fields.little(at: 60, width: 4), UInt64(longestName))
      return .backingFile(bytes(fields.little(at: 56, width: 4), Int(count)))
    }
    // Virtual Hard Disk Image Format Specification, "Hard Disk Footer Format": cookie, at 60 the type, 4 for a
    // differencing disk. All but fixed disks begin with a copy of the footer.
    if header.starts(with: "conectix".utf8), fields.big(at: 60, width: 4) == 4 { return .ignoredParent }
    return nil
  }

  /// The end of a sentence about the image.
  package var explanation: String {
    switch self {
    case .backingFile(let name):
      "it has a backing file, \(Escaping.text(name, as: .path)); --allow-external lets it be opened"
    case .dataFile: "its data is in another file; --allow-external lets it be opened"
    case .ignoredParent: "it is a differencing disk, which qemu-nbd cannot read"
    }
  }
}

/// Numbers at fixed places; those beyond the end are 0.
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
