import Bytes

/// What a computer boots from a CD ("El Torito Bootable CD-ROM Format Specification").
enum ElToritoImages {
  /// The images that an entry of the catalog refers to, in bytes of the device, in whole sectors.
  /// - Parameter catalog: its first sector.
  static func ranges(catalog: [UInt8]) -> [Range<UInt64>] {
    guard catalog.first == 1 else { return [] }
    let sector: UInt64 = 2048
    return stride(from: 32, to: catalog.count - 31, by: 32).compactMap { entry in
      // Others are not bootable, or head a section.
      guard catalog[entry] == 0x88 else { return nil }
      let start = catalog.little(at: entry + 8, width: 4) * sector
      let size = imageBytes(medium: catalog[entry + 1] & 0xf) ?? catalog.little(at: entry + 6, width: 2) * 512
      return start > 0 ? start..<start + (size + sector - 1) / sector * sector : nil
    }
  }

  /// The size of the image of a floppy disk, in bytes. Of others, the entry says how much to load.
  private static func imageBytes(medium: UInt8) -> UInt64? {
    switch medium {
    case 1: 1200 << 10
    case 2: 1440 << 10
    case 3: 2880 << 10
    default: nil
    }
  }
}
