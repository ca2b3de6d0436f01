import Glibc
import SystemPackage

/// The headers of a space-efficient sparse extent (`seSparse`), used for snapshots since ESXi 6.5. The constant header
/// is the first sector of the file; it gives the offset of the volatile header.
///
/// VMware has not published the format. This code follows the description in the message that proposed seSparse support
/// for qemu, sent to the qemu-devel list in 2019. All fields are little endian and 8 bytes wide; sizes and offsets are
/// in sectors.
enum SESparseHeader {
  static let magic: UInt64 = 0xcafe_babe

  private static let volatileMagic: UInt64 = 0xcafe_cafe
  /// Version 2.1.
  private static let version: UInt64 = 0x0000_0002_0000_0001
  private static let grainSectors: UInt64 = 8
  private static let tableSectors: UInt64 = 64

  /// A region of the file. The constant header has two fields for each: its offset and its size.
  private struct Region {
    let name: String
    /// The offset of its first field, in bytes.
    let field: Int
    /// In bytes from the start of the file.
    let bytes: Range<UInt64>

    init(_ name: String, field: Int, _ sector: [UInt8], path: FilePath) throws(DiskError) {
      let start = littleEndian64(sector, at: field)
      let size = littleEndian64(sector, at: field + 8)
      let maximum = VMDKLimits.diskBytes / VMDKLimits.sectorBytes
      guard start > 0, start <= maximum, size <= maximum - start else {
        throw DiskError(
          path, "the \(name) of \(size) sectors at sector \(start) (offset \(field)) cannot be right", errno: EINVAL)
      }
      self.name = name
      self.field = field
      bytes = (start * VMDKLimits.sectorBytes)..<((start + size) * VMDKLimits.sectorBytes)
    }

    /// - Throws: `DiskError` if the region is smaller than `needed` bytes, or if the file ends before them.
    func check(holds needed: UInt64, in file: HostFile) throws(DiskError) {
      guard needed <= bytes.upperBound - bytes.lowerBound else {
        throw DiskError(
          file.path,
          "the \(name) of \(bytes.upperBound - bytes.lowerBound) bytes (offset \(field + 8)) is too small: \(needed) "
            + "are needed", errno: EINVAL)
      }
      guard bytes.lowerBound <= file.length, needed <= file.length - bytes.lowerBound else {
        throw DiskError(
          file.path,
          "the \(name) at byte \(bytes.lowerBound) (offset \(field)) is not in the file, which has \(file.length) "
            + "bytes: it was truncated or is damaged", errno: EIO)
      }
    }
  }

  /// Reads and checks the headers.
  /// - Parameter sector: the first sector of the file.
  static func read(_ sector: [UInt8], of file: HostFile, options: OpenOptions) throws(DiskError) -> ExtentHeader {
    let path = file.path
    guard littleEndian64(sector, at: 0) == magic else {
      throw DiskError(path, "has no seSparse header at offset 0", errno: EINVAL)
    }
    let version = littleEndian64(sector, at: 8)
    guard version == self.version else {
      throw DiskError(
        path, "seSparse version \(version >> 32).\(version & 0xffff_ffff) (offset 8) is not supported: it is 2.1",
        errno: ENOTSUP)
    }
    let capacity = try HeaderCheck.capacity(sectors: littleEndian64(sector, at: 16), offset: 16, path: path)
    let grainSectors = littleEndian64(sector, at: 24)
    let tableSectors = littleEndian64(sector, at: 32)
    guard grainSectors == self.grainSectors else {
      throw DiskError(
        path, "a grain size of \(grainSectors) sectors (offset 24) is not supported: it is 8", errno: ENOTSUP)
    }
    guard tableSectors == self.tableSectors else {
      throw DiskError(
        path, "a grain table size of \(tableSectors) sectors (offset 32) is not supported: it is 64", errno: ENOTSUP)
    }
    let flags = littleEndian64(sector, at: 40)
    guard flags == 0 else {
      throw DiskError(path, "unknown flags 0x\(String(flags, radix: 16)) (offset 40)", errno: ENOTSUP)
    }

    let grainBytes = grainSectors * VMDKLimits.sectorBytes
    let tableBytes = tableSectors * VMDKLimits.sectorBytes
    let directoryBytes = try HeaderCheck.directoryBytes(
      capacity: capacity, grainBytes: grainBytes, entriesPerTable: tableBytes / 8, width: 8, path: path)
    let volatileHeader = try Region("volatile header", field: 80, sector, path: path)
    let directory = try Region("grain directory", field: 128, sector, path: path)
    let tables = try Region("grain tables", field: 144, sector, path: path)
    let grains = try Region("grains", field: 192, sector, path: path)
    let others = [
      volatileHeader, try Region("journal header", field: 96, sector, path: path),
      try Region("journal", field: 112, sector, path: path), directory, tables,
      try Region("free bitmap", field: 160, sector, path: path), try Region("backmap", field: 176, sector, path: path),
    ]
    try checkOrder(others, grains: grains, path: path)
    try volatileHeader.check(holds: VMDKLimits.sectorBytes, in: file)
    try directory.check(holds: directoryBytes, in: file)
    // Tables and grains are checked one by one, because their regions may extend beyond the end of the file. But the
    // start of the grains must be in the file, because the offsets of grains are relative to it.
    try grains.check(holds: 0, in: file)

    let warnings = try checkVolatileHeader(at: volatileHeader.bytes.lowerBound, of: file, options: options)
    let metadata = FileRegions([0..<grains.bytes.lowerBound])
    let layout = GrainLayout(
      capacity: capacity, grainBytes: grainBytes, entriesPerTable: tableBytes / 8,
      directories: [directory.bytes.lowerBound],
      entries: .tagged(
        tables: tables.bytes.clamped(to: 0..<file.length), tableBytes: tableBytes, grains: grains.bytes.lowerBound),
      compression: .none, fixedMetadata: metadata, metadata: metadata)
    return ExtentHeader(
      kind: .seSparse, layout: layout, descriptor: nil, wasClosedCleanly: warnings.isEmpty, warnings: warnings)
  }

  /// - Throws: `DiskError` if two regions overlap each other or the header, or if the grains do not come last.
  private static func checkOrder(_ others: [Region], grains: Region, path: FilePath) throws(DiskError) {
    let sorted = others.filter { !$0.bytes.isEmpty }.sorted { $0.bytes.lowerBound < $1.bytes.lowerBound } + [grains]
    var end = VMDKLimits.sectorBytes
    for region in sorted {
      guard region.bytes.lowerBound >= end else {
        throw DiskError(
          path,
          "the \(region.name) at byte \(region.bytes.lowerBound) (offset \(region.field)) overlaps what is before it: "
            + "the header is damaged", errno: EINVAL)
      }
      end = region.bytes.upperBound
    }
  }

  /// - Returns: warnings.
  private static func checkVolatileHeader(
    at offset: UInt64, of file: HostFile, options: OpenOptions
  ) throws(DiskError) -> [String] {
    guard try file.number(at: offset, width: 8) == volatileMagic else {
      throw DiskError(file.path, "has no seSparse volatile header at offset \(offset)", errno: EINVAL)
    }
    guard try file.number(at: offset + 24, width: 8) != 0 else { return [] }
    let stale = "the journal has to be replayed (offset \(offset + 24)), which ESXi does: the grain tables may be stale"
    guard options.ignoresJournal else {
      throw DiskError(file.path, "\(stale); ignore-journal reads it anyway", errno: EINVAL)
    }
    return ["\(printable(file.path)): \(stale)"]
  }
}
