import CLinux
import Glibc

/// The range of FAT's file allocation tables, in bytes of the device.
///
/// Layout: "FAT: General Overview of On-Disk Format", BPB, and the "exFAT file system specification", 3.1.
struct AllocationTables: Equatable {
  static let bootSectorBytes = 512

  var range: Range<UInt64>
  /// Where the root directory is, if its location is fixed or its cluster chain was followed.
  var rootDirectory: [Range<UInt64>] = []
  /// Where the root directory of FAT32 begins.
  private(set) var rootChain: ClusterChain?

  /// FAT12, FAT16 or FAT32: the range includes the reserved sectors before the tables. Nil for too few bytes.
  init?(ofFAT bootSector: [UInt8]) {
    guard let boot = BootFields(bootSector) else { return nil }
    let bytesPerSector = boot.word(at: 11)
    let sectorsPerTable = boot.word(at: 22)
    let isFAT32 = sectorsPerTable == 0
    let tables = UInt64(bootSector[16]) * (isFAT32 ? boot.double(at: 36) : sectorsPerTable)
    let end = (boot.word(at: 14) + tables) * bytesPerSector
    range = 0..<end
    let entries = boot.word(at: 17)
    if !isFAT32, entries > 0 { rootDirectory = [end..<end + entries * 32] }
    let reserved = boot.word(at: 14) * bytesPerSector
    if isFAT32 {
      rootChain = ClusterChain(
        first: boot.double(at: 44), table: reserved..<reserved + boot.double(at: 36) * bytesPerSector, clusters: end,
        clusterBytes: UInt64(bootSector[13]) * bytesPerSector)
    }
  }

  /// exFAT. Nil for too few bytes.
  init?(ofExFAT bootSector: [UInt8]) {
    guard let boot = BootFields(bootSector) else { return nil }
    let sectorShift = UInt64(min(bootSector[108], 12))
    let start = boot.double(at: 80) << sectorShift
    range = start..<start + (boot.double(at: 84) << sectorShift)
  }

  /// Reads the tables into the device's page cache, so that they are not read again with a file.
  /// - Returns: nil if the boot sector cannot be read.
  static func readIntoCache(
    of mount: Mount, _ parse: ([UInt8]) -> AllocationTables?
  ) throws(WalkError) -> AllocationTables? {
    let device = clinux_openat(AT_FDCWD, mount.devicePath, O_RDONLY, 0)
    guard device >= 0 else { throw .system(mount.devicePath) }
    defer { close(device) }
    let buffer = AlignedBuffer(size: 1 << 20).bytes
    defer { buffer.deallocate() }
    guard pread(device, buffer.baseAddress, bootSectorBytes, 0) == bootSectorBytes,
      var tables = parse(Array(buffer.prefix(bootSectorBytes)))
    else { return nil }
    var offset = tables.range.lowerBound
    while offset < tables.range.upperBound {
      let wanted = min(UInt64(buffer.count), tables.range.upperBound - offset)
      let count = pread(device, buffer.baseAddress, Int(wanted), off_t(offset))
      guard count > 0 else { break }
      offset += UInt64(count)
    }
    if let chain = tables.rootChain {
      tables.rootDirectory = chain.ranges { offset in
        guard let offset = off_t(exactly: offset), pread(device, buffer.baseAddress, 4, offset) == 4 else { return nil }
        return buffer.load(as: UInt32.self).littleEndian
      }
    }
    return tables
  }
}

/// Little-endian numbers in a boot sector, which is long enough for all offsets used here.
private struct BootFields {
  private let bytes: [UInt8]

  init?(_ bytes: [UInt8]) {
    guard bytes.count >= AllocationTables.bootSectorBytes else { return nil }
    self.bytes = bytes
  }

  func word(at offset: Int) -> UInt64 { UInt64(bytes[offset]) | UInt64(bytes[offset + 1]) << 8 }
  func double(at offset: Int) -> UInt64 { word(at: offset) | word(at: offset + 2) << 16 }
}
