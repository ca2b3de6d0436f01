import Glibc
import SystemPackage

/// The header of a hosted sparse extent: the first sector of the file. If the grain directory was written after the
/// grains, a copy of the header (the footer) is at the end of the file.
///
/// The fields and their offsets are those of `SparseExtentHeader` in VMware's technical note "Virtual Disk Format 5.0",
/// section "Hosted Sparse Extents". All fields are little endian; sizes and offsets are in sectors.
struct HostedHeader {
  /// "KDMV" as a little-endian number.
  static let magic: UInt32 = 0x564d_444b

  private let version: UInt32
  private let flags: UInt32
  private let capacitySectors: UInt64
  private let grainSectors: UInt64
  private let descriptorSector: UInt64
  private let descriptorSectors: UInt64
  private let entriesPerTable: UInt32
  private let redundantDirectory: UInt64
  private let directory: UInt64
  private let isUnclean: Bool
  private let compressAlgorithm: UInt16

  /// The value of `directory` if the grain directory was written after the grains.
  private static let directoryAtEnd = UInt64.max

  private enum Flags {
    static let newlineTest: UInt32 = 1 << 0
    static let redundantDirectory: UInt32 = 1 << 1
    static let zeroedGrains: UInt32 = 1 << 2
    static let compressed: UInt32 = 1 << 16
    static let markers: UInt32 = 1 << 17
  }

  /// Reads and checks a header.
  /// - Parameter sector: the first sector of the file.
  static func read(_ sector: [UInt8], of file: HostFile) throws(DiskError) -> ExtentHeader {
    let header = try HostedHeader(sector, at: 0, path: file.path)
    return try header.checked(in: file)
  }

  /// - Parameter offset: the offset of the sector in the file, for messages.
  private init(_ sector: [UInt8], at offset: UInt64, path: FilePath) throws(DiskError) {
    guard littleEndian32(sector, at: 0) == HostedHeader.magic else {
      throw DiskError(path, "has no VMDK header at offset \(offset)", errno: EINVAL)
    }
    version = littleEndian32(sector, at: 4)
    guard (1...3).contains(version) else {
      throw DiskError(path, "VMDK header version \(version) (offset \(offset + 4)) is not supported", errno: ENOTSUP)
    }
    flags = littleEndian32(sector, at: 8)
    if flags & Flags.newlineTest != 0 {
      guard sector[73..<77].elementsEqual([0x0a, 0x20, 0x0d, 0x0a]) else {
        throw DiskError(
          path, "the line ends at offset \(offset + 73) were changed: the file was copied as text and is damaged",
          errno: EINVAL)
      }
    }
    capacitySectors = littleEndian64(sector, at: 12)
    grainSectors = littleEndian64(sector, at: 20)
    descriptorSector = littleEndian64(sector, at: 28)
    descriptorSectors = littleEndian64(sector, at: 36)
    entriesPerTable = littleEndian32(sector, at: 44)
    redundantDirectory = littleEndian64(sector, at: 48)
    directory = littleEndian64(sector, at: 56)
    isUnclean = sector[72] != 0
    compressAlgorithm = UInt16(sector[77]) | UInt16(sector[78]) << 8
  }

  private func checked(in file: HostFile) throws(DiskError) -> ExtentHeader {
    let path = file.path
    let capacity = try HeaderCheck.capacity(sectors: capacitySectors, offset: 12, path: path)
    let grainBytes = try HeaderCheck.grainBytes(
      sectors: grainSectors, allowed: VMDKLimits.grainSectors, offset: 20, path: path)
    guard VMDKLimits.grainTableEntries.contains(entriesPerTable) else {
      throw DiskError(
        path, "\(entriesPerTable) entries a grain table (offset 44) cannot be right: it is 512", errno: EINVAL)
    }
    let compression = try compression(path)
    let descriptor = try descriptor(in: file)
    let size = try HeaderCheck.directoryBytes(
      capacity: capacity, grainBytes: grainBytes, entriesPerTable: UInt64(entriesPerTable), width: 4, path: path)
    var warnings: [String] = []
    if isUnclean { warnings.append(HeaderCheck.uncleanWarning(path)) }
    let directories = try footer(in: file).directories(bytes: size, in: file, warnings: &warnings)
    let metadata = FileRegions([0..<VMDKLimits.sectorBytes, descriptor ?? 0..<0] + directories)
    let layout = GrainLayout(
      capacity: capacity, grainBytes: grainBytes, entriesPerTable: UInt64(entriesPerTable),
      directories: directories.map(\.lowerBound),
      entries: .sectors(zeroedGrains: flags & Flags.zeroedGrains != 0), compression: compression,
      fixedMetadata: metadata, metadata: metadata)
    return ExtentHeader(
      kind: .hosted(version: version), layout: layout, descriptor: descriptor, wasClosedCleanly: !isUnclean,
      warnings: warnings)
  }

  private func compression(_ path: FilePath) throws(DiskError) -> GrainLayout.Compression {
    let isCompressed = flags & Flags.compressed != 0
    let hasMarkers = flags & Flags.markers != 0
    guard isCompressed else {
      guard !hasMarkers else {
        throw DiskError(path, "the flags (offset 8) say that there are markers but no compression", errno: ENOTSUP)
      }
      return .none
    }
    guard compressAlgorithm == 1 else {
      throw DiskError(
        path, "compression algorithm \(compressAlgorithm) (offset 77) is not known: it is 1, deflate", errno: ENOTSUP)
    }
    guard grainSectors <= VMDKLimits.compressedGrainSectors else {
      throw DiskError(
        path,
        "a compressed grain of \(grainSectors) sectors (offset 20) is larger than the "
          + "\(VMDKLimits.compressedGrainSectors) allowed", errno: EINVAL)
    }
    return hasMarkers ? .marked : .bare
  }

  /// The header that gives the offset of the grain directory: this one, or its copy in the last sector but one, see
  /// "Stream-Optimized Compressed Sparse Extents" in the technical note.
  private func footer(in file: HostFile) throws(DiskError) -> HostedHeader {
    guard directory == HostedHeader.directoryAtEnd else { return self }
    // The footer lies between its own marker and the end-of-stream marker, one sector each.
    guard file.length >= 4 * VMDKLimits.sectorBytes else {
      throw DiskError(
        file.path, "the footer is missing, which says where the grain directory is: the file was truncated", errno: EIO)
    }
    let offset = file.length - 2 * VMDKLimits.sectorBytes
    let sector = try file.bytes(at: offset, count: Int(VMDKLimits.sectorBytes))
    guard littleEndian32(sector, at: 0) == HostedHeader.magic else {
      throw DiskError(
        file.path,
        "the footer, which says where the grain directory is, is not at offset \(offset): the file was truncated or "
          + "something was added to it", errno: EIO)
    }
    let footer = try HostedHeader(sector, at: offset, path: file.path)
    guard footer.capacitySectors == capacitySectors, footer.grainSectors == grainSectors,
      footer.entriesPerTable == entriesPerTable, footer.flags == flags,
      footer.compressAlgorithm == compressAlgorithm, footer.directory != HostedHeader.directoryAtEnd
    else {
      throw DiskError(
        file.path, "the footer at offset \(offset) contradicts the header: the file is damaged", errno: EIO)
    }
    return footer
  }

  /// The grain directories that lie within the file, the preferred one first.
  private func directories(
    bytes: UInt64, in file: HostFile, warnings: inout [String]
  ) throws(DiskError) -> [Range<UInt64>] {
    let hasCopy = flags & Flags.redundantDirectory != 0 && redundantDirectory != directory
    let usable = [directory, hasCopy ? redundantDirectory : 0].map { start -> Range<UInt64>? in
      guard start > 0, let range = sectorRange(start, bytes: bytes, in: file) else { return nil }
      // A directory must not overlap the header or the descriptor.
      let others = [descriptorRange(in: file), 0..<VMDKLimits.sectorBytes]
      return others.contains { $0.overlaps(range) } ? nil : range
    }
    if usable[0] == nil, usable[1] != nil {
      warnings.append(
        "\(printable(file.path)): the grain directory at sector \(directory) (offset 56) is not in the file or overlaps "
          + "something else; its copy is used")
    }
    let found = usable.compactMap { $0 }
    guard !found.isEmpty else {
      throw DiskError(
        file.path,
        "the grain directory of \(bytes) bytes at sector \(directory) (offset 56) is not in the file, which has "
          + "\(file.length) bytes, or overlaps something else: it was truncated or is damaged", errno: EIO)
    }
    if found.count == 2, found[0].overlaps(found[1]) {
      throw DiskError(
        file.path,
        "the grain directory of \(bytes) bytes at sector \(directory) (offset 56) and its copy at sector "
          + "\(redundantDirectory) (offset 48) overlap: the file is damaged", errno: EIO)
    }
    return found
  }

  private func descriptorRange(in file: HostFile) -> Range<UInt64> {
    guard descriptorSector > 0, descriptorSectors <= VMDKLimits.descriptorBytes / VMDKLimits.sectorBytes else {
      return 0..<0
    }
    return sectorRange(descriptorSector, bytes: descriptorSectors &* VMDKLimits.sectorBytes, in: file) ?? 0..<0
  }

  private func descriptor(in file: HostFile) throws(DiskError) -> Range<UInt64>? {
    guard descriptorSector > 0 else { return nil }
    guard descriptorSectors <= VMDKLimits.descriptorBytes / VMDKLimits.sectorBytes else {
      throw DiskError(
        file.path,
        "a descriptor of \(descriptorSectors) sectors (offset 36) is larger than the "
          + "\(VMDKLimits.descriptorBytes) bytes allowed", errno: EINVAL)
    }
    let size = descriptorSectors &* VMDKLimits.sectorBytes
    guard let range = sectorRange(descriptorSector, bytes: size, in: file) else {
      throw DiskError(
        file.path,
        "the descriptor of \(size) bytes at sector \(descriptorSector) (offset 28) is not in the file, which has "
          + "\(file.length) bytes: it was truncated or is damaged", errno: EIO)
    }
    return range
  }
}
