import Glibc
import SystemPackage

/// The header of a hosted sparse extent: the file's first sector.
///
/// The fields and their offsets are those of `SparseExtentHeader` in VMware's technical note "Virtual Disk Format 5.0",
/// section "Hosted Sparse Extents"; all are little endian, sizes and offsets in sectors.
struct SparseHeader {
  /// The extent's size in bytes.
  let capacity: UInt64
  /// Bytes of a grain, a power of two.
  let grainBytes: UInt64
  /// Where the descriptor lies in the file, in bytes; nil where it is in a file of its own.
  let descriptor: Range<UInt64>?
  let entriesPerTable: UInt64
  /// How many grain tables the capacity takes.
  let tables: UInt64
  /// Where the grain directories begin in the file, in bytes, the one to trust first. All lie inside the file.
  let directories: [UInt64]
  /// Whether a grain table entry of 1 means a grain of zeros.
  let hasZeroedGrains: Bool
  /// What is odd but can be read.
  let warnings: [String]

  /// "KDMV" read as a little-endian number.
  static let magic: UInt32 = 0x564d_444b
  static let bytes = 512
  /// The place of a grain directory that is written after the grains.
  private static let directoryAtEnd = UInt64.max

  private enum Flags {
    static let newlineTest: UInt32 = 1 << 0
    static let redundantDirectory: UInt32 = 1 << 1
    static let zeroedGrains: UInt32 = 1 << 2
    static let compressed: UInt32 = 1 << 16
    static let markers: UInt32 = 1 << 17
  }

  /// Parses and checks a header.
  /// - Parameters:
  ///   - sector: the file's first `SparseHeader.bytes` bytes.
  ///   - file: whose length bounds what the header may point to.
  ///   - budget: pays for the directories.
  /// - Throws: `DiskError`: `EINVAL` for what cannot be right, `ENOTSUP` for what cannot be read yet, `EIO` where the
  ///   file is shorter than the header says.
  init(parsing sector: [UInt8], of file: HostFile, budget: inout VMDKOpenBudget) throws(DiskError) {
    let path = file.path
    guard sector.count >= SparseHeader.bytes, littleEndian32(sector, at: 0) == SparseHeader.magic else {
      throw DiskError(path, "has no VMDK header at offset 0", errno: EINVAL)
    }
    var warnings: [String] = []

    let version = littleEndian32(sector, at: 4)
    guard (1...3).contains(version) else {
      throw DiskError(path, "VMDK header version \(version) (offset 4) is not supported", errno: ENOTSUP)
    }
    let flags = littleEndian32(sector, at: 8)
    if flags & Flags.newlineTest != 0 {
      guard sector[73..<77].elementsEqual([0x0a, 0x20, 0x0d, 0x0a]) else {
        throw DiskError(
          path, "the line ends at offset 73 were changed: the file was copied as text and is damaged", errno: EINVAL)
      }
    }
    let compression = UInt16(sector[77]) | UInt16(sector[78]) << 8
    guard flags & (Flags.compressed | Flags.markers) == 0, compression == 0 else {
      throw DiskError(
        path, "the extent is compressed, as in streamOptimized disks: this is not supported yet", errno: ENOTSUP)
    }
    if sector[72] != 0 {
      warnings.append("\(printable(path)): the disk was not closed cleanly; its last writes may be missing")
    }

    let grainSectors = littleEndian64(sector, at: 20)
    guard VMDKLimits.grainSectors.contains(grainSectors), grainSectors.nonzeroBitCount == 1 else {
      throw DiskError(
        path, "a grain size of \(grainSectors) sectors (offset 20) cannot be right: it is a power of two from 8",
        errno: EINVAL)
    }
    grainBytes = grainSectors &* VMDKLimits.sectorBytes

    let sectors = littleEndian64(sector, at: 12)
    guard sectors > 0, sectors <= VMDKLimits.diskBytes / VMDKLimits.sectorBytes else {
      throw DiskError(path, "a capacity of \(sectors) sectors (offset 12) cannot be right", errno: EINVAL)
    }
    capacity = sectors &* VMDKLimits.sectorBytes

    let perTable = littleEndian32(sector, at: 44)
    guard VMDKLimits.grainTableEntries.contains(perTable) else {
      throw DiskError(path, "\(perTable) entries a grain table (offset 44) cannot be right: it is 512", errno: EINVAL)
    }
    entriesPerTable = UInt64(perTable)

    let grains = (capacity - 1) / grainBytes + 1
    tables = (grains - 1) / entriesPerTable + 1
    guard tables <= budget.directoryBytes / 4 else {
      throw DiskError(
        path,
        "a capacity of \(sectors) sectors in grains of \(grainSectors) takes a larger grain directory than the "
          + "\(VMDKLimits.directoryBytes >> 20) MiB allowed", errno: EINVAL)
    }
    budget.directoryBytes -= tables * 4

    let primary = littleEndian64(sector, at: 56)
    guard primary != SparseHeader.directoryAtEnd else {
      throw DiskError(
        path, "the grain directory is at the end, as in streamOptimized disks: this is not supported yet",
        errno: ENOTSUP)
    }
    let size = tables * 4
    let redundant = flags & Flags.redundantDirectory != 0 ? littleEndian64(sector, at: 48) : 0
    let usable = [primary, redundant].map { start in
      start > 0 ? SparseHeader.range(sector: start, bytes: size, in: file) : nil
    }
    if usable[0] == nil, usable[1] != nil {
      warnings.append(
        "\(printable(path)): the grain directory at sector \(primary) (offset 56) is not in the file; "
          + "its copy is used")
    }
    directories = usable.compactMap { $0?.lowerBound }
    guard !directories.isEmpty else {
      throw DiskError(
        path,
        "the grain directory of \(size) bytes at sector \(primary) (offset 56) is not in the file, which has "
          + "\(file.length) bytes: it was truncated or is damaged", errno: EIO)
    }
    hasZeroedGrains = flags & Flags.zeroedGrains != 0

    let descriptorStart = littleEndian64(sector, at: 28)
    let descriptorSectors = littleEndian64(sector, at: 36)
    if descriptorStart == 0 {
      descriptor = nil
    } else {
      guard descriptorSectors <= VMDKLimits.descriptorBytes / VMDKLimits.sectorBytes else {
        throw DiskError(
          path,
          "a descriptor of \(descriptorSectors) sectors (offset 36) is larger than the "
            + "\(VMDKLimits.descriptorBytes) bytes allowed", errno: EINVAL)
      }
      let size = descriptorSectors &* VMDKLimits.sectorBytes
      guard let range = SparseHeader.range(sector: descriptorStart, bytes: size, in: file) else {
        throw DiskError(
          path,
          "the descriptor of \(size) bytes at sector \(descriptorStart) (offset 28) is not in the file, which has "
            + "\(file.length) bytes: it was truncated or is damaged", errno: EIO)
      }
      descriptor = range
    }
    self.warnings = warnings
  }

  /// Reads and checks the header of a sparse extent.
  /// - Throws: `DiskError` as `init(parsing:of:budget:)` does.
  static func read(from file: HostFile, budget: inout VMDKOpenBudget) throws(DiskError) -> SparseHeader {
    guard file.length >= UInt64(bytes) else {
      throw DiskError(
        file.path, "has \(file.length) bytes, fewer than a VMDK header: it was truncated or is no sparse extent",
        errno: EIO)
    }
    return try SparseHeader(parsing: file.bytes(at: 0, count: bytes), of: file, budget: &budget)
  }

  /// How many grains the capacity takes.
  var grains: UInt64 { (capacity - 1) / grainBytes + 1 }

  /// - Throws: `DiskError` where the descriptor's size of the extent and the header's differ by more than the part of
  ///   a grain by which a capacity may have been rounded up.
  func checkCapacity(covers extent: DescriptorExtent, path: FilePath) throws(DiskError) {
    guard extent.size <= capacity, capacity - extent.size < grainBytes else {
      throw DiskError(
        path,
        "holds \(capacity) bytes by its header (offset 12), but \(extent.size) by the descriptor's line "
          + "\(extent.line)", errno: EINVAL)
    }
  }

  /// The bytes from a sector on; nil where not all of them are in the file.
  static func range(sector: UInt64, bytes: UInt64, in file: HostFile) -> Range<UInt64>? {
    let (start, tooFar) = sector.multipliedReportingOverflow(by: VMDKLimits.sectorBytes)
    guard !tooFar, start <= file.length, bytes <= file.length - start else { return nil }
    return start..<(start &+ bytes)
  }
}

/// The number at `offset`. 0 where the bytes end before, which callers exclude.
func littleEndian32(_ bytes: [UInt8], at offset: Int) -> UInt32 {
  guard offset >= 0, offset + 4 <= bytes.count else { return 0 }
  return bytes[offset..<(offset + 4)].reversed().reduce(0) { $0 << 8 | UInt32($1) }
}

func littleEndian64(_ bytes: [UInt8], at offset: Int) -> UInt64 {
  UInt64(littleEndian32(bytes, at: offset)) | UInt64(littleEndian32(bytes, at: offset + 4)) << 32
}
