import Glibc
package import SystemPackage

/// What a writer needs to know about a VMDK. It must be an uncompressed hosted sparse extent with an embedded
/// descriptor (`monolithicSparse`), and a snapshot over another disk.
package struct SparseImage: Sendable {
  /// The size of the disk, in bytes.
  package let size: UInt64
  /// The grain size in bytes, a power of two from 4 KiB to 1 MiB.
  package let grainBytes: UInt64
  /// The number of grain tables.
  package let tables: UInt64
  /// The offset of each grain directory in bytes: the preferred one and, if there is one, its copy.
  package let directories: [UInt64]
  /// Where the descriptor is in the file, in bytes.
  package let descriptor: Range<UInt64>
  /// All bytes of the descriptor, including padding.
  package let descriptorText: [UInt8]
  package let parentCID: UInt32
  /// Whether an entry of 1 in a grain table means a grain of zeros.
  package let hasZeroedGrains: Bool
  package let wasClosedCleanly: Bool

  /// The number of entries in a grain table.
  package static let entriesPerTable: UInt64 = 512
  /// The largest disk in bytes, if all of its grains are to be stored (not counting the room for the tables). The
  /// location of a grain is a 32-bit sector number.
  package static let maximumBytes: UInt64 = 1 << 41

  /// Reads the header and the descriptor of an open file.
  /// - Parameters:
  ///   - open: the file descriptor. It is not closed.
  ///   - path: the file name, for messages.
  /// - Throws: `DiskError`: `EINVAL` or `ENOTSUP` if it is another kind of file, `EIO` if it is damaged.
  package init(of open: CInt, path: FilePath) throws(DiskError) {
    let copy = fcntl(open, F_DUPFD_CLOEXEC, 0)
    guard copy >= 0 else { throw DiskError(path, systemError: errno, "cannot open") }
    let file = try HostFile(adopting: copy, path: path, allowDevices: false)
    guard file.length >= VMDKLimits.sectorBytes, try file.number(at: 0, width: 4) == UInt64(HostedHeader.magic) else {
      throw DiskError(path, "is not a sparse VMDK with a header of its own: it cannot be written", errno: EINVAL)
    }
    let header = try ExtentHeader.read(from: file, options: OpenOptions())
    let layout = header.layout
    guard case .hosted(1...2) = header.kind, layout.compression == .none else {
      throw DiskError(path, "is a compressed VMDK, or one of a newer version: it cannot be written", errno: ENOTSUP)
    }
    guard layout.entriesPerTable == Self.entriesPerTable, layout.grainBytes <= 1 << 20 else {
      throw DiskError(
        path, "has grains of \(layout.grainBytes) bytes and tables of \(layout.entriesPerTable): it cannot be written",
        errno: ENOTSUP)
    }
    // If the header declares a redundant directory at an invalid offset, writing would leave the header as it is.
    let hasCopy = try file.number(at: 8, width: 4) & 2 != 0
    guard header.warnings.count == (header.wasClosedCleanly ? 0 : 1), layout.directories.count == (hasCopy ? 2 : 1)
    else {
      throw DiskError(
        path, "one of the two grain directories is damaged, or the file was truncated: it cannot be written", errno: EIO
      )
    }

    guard let range = header.descriptor else {
      throw DiskError(path, "has no descriptor inside: it is a part of a VMDK and cannot be written", errno: ENOTSUP)
    }
    let text = try file.bytes(at: range.lowerBound, count: range.count)
    guard !Descriptor.isEmpty(text) else {
      throw DiskError(path, "has no descriptor inside: it is a part of a VMDK and cannot be written", errno: ENOTSUP)
    }
    let descriptor = try Descriptor(parsing: text, in: .extent, path: path)
    guard descriptor.warnings.isEmpty else {
      throw DiskError(
        path, "its descriptor is odd, so that it cannot be written: \(descriptor.warnings[0])", errno: ENOTSUP)
    }
    guard lowercased(descriptor.createType.utf8) == lowercased("monolithicSparse".utf8) else {
      throw DiskError(path, "is a \(descriptor.createType), which cannot be written", errno: ENOTSUP)
    }
    guard descriptor.extents.count == 1, let extent = descriptor.extents.first, case .sparse = extent.storage,
      extent.access == .readWrite
    else {
      throw DiskError(path, "the descriptor has to name one RW SPARSE extent: it cannot be written", errno: EINVAL)
    }
    try header.checkCapacity(covers: extent, path: path)
    guard descriptor.cid != nil, descriptor.parentCID != Descriptor.noParent else {
      throw DiskError(path, "is a disk of its own and no snapshot over another: it cannot be written", errno: EINVAL)
    }

    size = extent.size
    grainBytes = layout.grainBytes
    tables = layout.tables
    directories = layout.directories
    self.descriptor = range
    descriptorText = text
    parentCID = descriptor.parentCID
    guard case .sectors(let zeroed) = layout.entries else {
      throw DiskError(path, "is not a hosted sparse VMDK: it cannot be written", errno: ENOTSUP)
    }
    hasZeroedGrains = zeroed
    wasClosedCleanly = header.wasClosedCleanly
  }
}
