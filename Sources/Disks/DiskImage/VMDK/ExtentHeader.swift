import Glibc
import SystemPackage

/// The header of a sparse extent of any kind.
struct ExtentHeader: Sendable {
  /// The kinds of sparse extent. Each has its own header format.
  enum Kind: Equatable, Sendable {
    case hosted(version: UInt32)
    case cowd
    case seSparse
  }

  let kind: Kind
  let layout: GrainLayout
  /// Where in the file the descriptor is, in bytes; `nil` if the extent has no embedded descriptor.
  let descriptor: Range<UInt64>?
  let wasClosedCleanly: Bool
  /// Problems that do not prevent reading, one line each, in the form `PATH: message`.
  let warnings: [String]

  /// Whether a file starts with the magic of a sparse extent.
  static func isAtStart(of file: HostFile) throws(DiskError) -> Bool {
    guard file.length >= 4 else { return false }
    let magic = try file.number(at: 0, width: 4)
    return magic == UInt64(HostedHeader.magic) || magic == UInt64(COWDHeader.magic) || magic == SESparseHeader.magic
  }

  /// Reads and checks the header of an extent.
  /// - Throws: `DiskError`: `EINVAL` if a field is invalid, `ENOTSUP` if the header is not supported, `EIO` if the file
  ///   is shorter than the header says.
  static func read(from file: HostFile, options: OpenOptions) throws(DiskError) -> ExtentHeader {
    guard file.length >= VMDKLimits.sectorBytes else {
      throw DiskError(
        file.path, "has \(file.length) bytes, fewer than a VMDK header: it was truncated or is no sparse extent",
        errno: EIO)
    }
    let sector = try file.bytes(at: 0, count: Int(VMDKLimits.sectorBytes))
    switch littleEndian32(sector, at: 0) {
    case COWDHeader.magic: return try COWDHeader.read(sector, of: file)
    case UInt32(SESparseHeader.magic): return try SESparseHeader.read(sector, of: file, options: options)
    default: return try HostedHeader.read(sector, of: file)
    }
  }

  /// - Throws: `DiskError` if the extent size in the descriptor does not match the capacity in the header. The capacity
  ///   may be larger by less than one grain, because it may have been rounded up.
  func checkCapacity(covers extent: DescriptorExtent, path: FilePath) throws(DiskError) {
    guard extent.size <= layout.capacity, layout.capacity - extent.size < layout.grainBytes else {
      throw DiskError(
        path,
        "holds \(layout.capacity) bytes by its header, but \(extent.size) by the descriptor's line \(extent.line)",
        errno: EINVAL)
    }
  }
}

/// Checks shared by all kinds of header.
enum HeaderCheck {
  /// Checks the grain size, and returns it in bytes.
  static func grainBytes(
    sectors: UInt64, allowed: ClosedRange<UInt64>, offset: Int, path: FilePath
  ) throws(DiskError) -> UInt64 {
    guard allowed.contains(sectors), sectors.nonzeroBitCount == 1 else {
      throw DiskError(
        path,
        "a grain size of \(sectors) sectors (offset \(offset)) cannot be right: it is a power of two from "
          + "\(allowed.lowerBound) to \(allowed.upperBound)", errno: EINVAL)
    }
    return sectors &* VMDKLimits.sectorBytes
  }

  /// Checks the capacity, and returns it in bytes.
  static func capacity(sectors: UInt64, offset: Int, path: FilePath) throws(DiskError) -> UInt64 {
    guard sectors > 0, sectors <= VMDKLimits.diskBytes / VMDKLimits.sectorBytes else {
      throw DiskError(path, "a capacity of \(sectors) sectors (offset \(offset)) cannot be right", errno: EINVAL)
    }
    return sectors &* VMDKLimits.sectorBytes
  }

  /// The size of the grain directory needed for a capacity, in bytes.
  static func directoryBytes(
    capacity: UInt64, grainBytes: UInt64, entriesPerTable: UInt64, width: UInt64, path: FilePath
  ) throws(DiskError) -> UInt64 {
    let tables = ((capacity - 1) / grainBytes) / entriesPerTable + 1
    guard tables <= VMDKLimits.directoryBytes / width else {
      throw DiskError(
        path,
        "a capacity of \(capacity) bytes in grains of \(grainBytes) takes a larger grain directory than the "
          + "\(VMDKLimits.directoryBytes >> 20) MiB allowed", errno: EINVAL)
    }
    return tables * width
  }

  static func uncleanWarning(_ path: FilePath) -> String {
    "\(printable(path)): the disk was not closed cleanly; its last writes may be missing"
  }
}

/// The number at `offset`. Returns 0 if it lies beyond the end of the bytes; callers must rule this out.
func littleEndian32(_ bytes: [UInt8], at offset: Int) -> UInt32 {
  guard offset >= 0, offset + 4 <= bytes.count else { return 0 }
  return bytes[offset..<(offset + 4)].reversed().reduce(0) { $0 << 8 | UInt32($1) }
}

func littleEndian64(_ bytes: [UInt8], at offset: Int) -> UInt64 {
  UInt64(littleEndian32(bytes, at: offset)) | UInt64(littleEndian32(bytes, at: offset + 4)) << 32
}
