@testable import Appliance
@testable import BlockStack

extension ParserFuzzer {
  /// What images of other formats say of files beside them, of their encryption and of their sectors. The region tables of a
  /// VHDX are far into it: the input has them, and its metadata, one behind the other.
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
    // As if everything behind the signature began at the first region table.
    _ = VHDXMetadata.sectorSize { offset, count in
      let moved = offset < regionTable ? offset : offset - regionTable + 8
      return part(moved, count)
    }
  }

  private static let regionTable: UInt64 = 192 << 10
}
