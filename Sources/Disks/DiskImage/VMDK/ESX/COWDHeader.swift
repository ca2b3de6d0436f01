import Glibc
import SystemPackage

/// The header of an ESX sparse extent ("COWD", `vmfsSparse`), used for snapshots before ESXi 6.5: the first 4 sectors
/// of the file.
///
/// The fields and their offsets are those of `COWDisk_Header` in VMware's technical note "Virtual Disk Format 5.0",
/// section "ESX Server Sparse Extents". All fields are little endian; sizes and offsets are in sectors.
enum COWDHeader {
  /// "COWD" as a little-endian number.
  static let magic: UInt32 = 0x4457_4f43

  private static let bytes = 4 * VMDKLimits.sectorBytes
  private static let entriesPerTable: UInt64 = 4096

  /// Reads and checks a header.
  /// - Parameter sector: the first sector of the file.
  static func read(_ sector: [UInt8], of file: HostFile) throws(DiskError) -> ExtentHeader {
    let path = file.path
    guard file.length >= bytes else {
      throw DiskError(
        path, "has \(file.length) bytes, fewer than a COWD header's \(bytes): it was truncated", errno: EIO)
    }
    let version = littleEndian32(sector, at: 4)
    guard version == 1 else {
      throw DiskError(path, "COWD header version \(version) (offset 4) is not supported", errno: ENOTSUP)
    }
    let capacity = try HeaderCheck.capacity(sectors: UInt64(littleEndian32(sector, at: 12)), offset: 12, path: path)
    let grainBytes = try HeaderCheck.grainBytes(
      sectors: UInt64(littleEndian32(sector, at: 16)), allowed: VMDKLimits.cowdGrainSectors, offset: 16, path: path)
    let size = try HeaderCheck.directoryBytes(
      capacity: capacity, grainBytes: grainBytes, entriesPerTable: entriesPerTable, width: 4, path: path)
    let entries = littleEndian32(sector, at: 24)
    guard UInt64(entries) >= size / 4 else {
      throw DiskError(
        path, "\(entries) grain directory entries (offset 24) are too few: the capacity takes \(size / 4)",
        errno: EINVAL)
    }
    let start = UInt64(littleEndian32(sector, at: 20))
    guard let directory = sectorRange(start, bytes: size, in: file), directory.lowerBound >= bytes else {
      throw DiskError(
        path,
        "the grain directory of \(size) bytes at sector \(start) (offset 20) is not in the file, which has "
          + "\(file.length) bytes, or overlaps the header: it was truncated or is damaged", errno: EIO)
    }
    let isUnclean = try file.number(at: 1648, width: 4) != 0
    let metadata = FileRegions([0..<bytes, directory])
    let layout = GrainLayout(
      capacity: capacity, grainBytes: grainBytes, entriesPerTable: entriesPerTable,
      directories: [directory.lowerBound], entries: .sectors(zeroedGrains: false), compression: .none,
      fixedMetadata: metadata, metadata: metadata)
    return ExtentHeader(
      kind: .cowd, layout: layout, descriptor: nil, wasClosedCleanly: !isUnclean,
      warnings: isUnclean ? [HeaderCheck.uncleanWarning(path)] : [])
  }
}
