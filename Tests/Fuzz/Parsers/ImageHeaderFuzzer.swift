@testable import Appliance
@testable import BlockStack

extension ParserFuzzer {
  /// What images of other formats say about their backing files and external data files, encryption and sector size.
  /// The region tables of a VHDX are far into the image; the input has them, and its metadata, one after the other.
  static let imageHeaders = ParserFuzzer("image-headers") { bytes in
    let image = Array(bytes)
    func part(_ offset: UInt64, _ count: Int) -> [UInt8] {
      guard let start = Int(exactly: offset), start < image.count else { return [] }
      return Array(image[start...].prefix(count))
    }
    let header = part(0, ImageReferences.headerSize)
    if let found = ImageReferences.find(inHeader: header, bytes: part) {
      if case .backingFile(let name) = found {
        try check(name.count <= ImageReferences.longestName, "a name of \(name.count) bytes")
      }
      try check(!found.explanation.isEmpty, "no explanation")
    }
    _ = ImageEncryption(inHeader: header)
    _ = VHDXMetadata.sectorSize(bytes: part)
    // Reads the input as if everything after the signature started at the first region table.
    _ = VHDXMetadata.sectorSize { offset, count in
      let moved = offset < regionTable ? offset : offset - regionTable + 8
      return part(moved, count)
    }
  }

  private static let regionTable: UInt64 = 192 << 10
}
