import DiskImage
import SystemPackage

/// The layout of a new snapshot file. As in those of VMware and qemu, all tables precede the grains.
///
/// The fields of the header are those of `SparseExtentHeader` in VMware's technical note "Virtual Disk Format 5.0",
/// section "Hosted Sparse Extents". The version is 1, which every reader supports. Version 2 adds an entry for grains
/// of zeros, which is not needed here: they are stored as holes in the file, and take no space.
struct NewSnapshot {
  static let grainBytes: UInt64 = 64 << 10
  private static let sector: UInt64 = 512
  private static let descriptorSectors: UInt64 = 20
  /// The offset in the header of the byte that says whether the file is open for writing.
  static let uncleanOffset: UInt64 = 72

  /// In bytes.
  let diskSize: UInt64

  static let descriptor = sector..<(1 + descriptorSectors) * sector

  private var tableCount: UInt64 {
    let grains = (diskSize + Self.grainBytes - 1) / Self.grainBytes
    return (grains + SparseImage.entriesPerTable - 1) / SparseImage.entriesPerTable
  }
  private var directorySectors: UInt64 { (tableCount * 4 + Self.sector - 1) / Self.sector }
  private var tableSectors: UInt64 { GrainTables.bytes / Self.sector }
  private var copyStart: UInt64 { 1 + Self.descriptorSectors }
  private var directoryStart: UInt64 { copyStart + directorySectors + tableCount * tableSectors }
  /// The sector of the first grain.
  var grainStart: UInt64 {
    let end = directoryStart + directorySectors + tableCount * tableSectors
    let grain = Self.grainBytes / Self.sector
    return (end + grain - 1) / grain * grain
  }

  var tables: GrainTables {
    GrainTables(
      sectors: [directoryStart, copyStart].map { start in
        (0..<tableCount).map { UInt32(truncatingIfNeeded: start + directorySectors + $0 * tableSectors) }
      })
  }

  private var header: [UInt8] {
    var bytes = Array("KDMV".utf8)
    func add(_ number: some FixedWidthInteger) { withUnsafeBytes(of: number.littleEndian) { bytes += $0 } }
    add(UInt32(1))
    // Flags: the newline test is valid, and there is a redundant grain directory.
    add(UInt32(0b11))
    add(diskSize / Self.sector)
    add(Self.grainBytes / Self.sector)
    add(UInt64(1))
    add(Self.descriptorSectors)
    add(UInt32(SparseImage.entriesPerTable))
    add(copyStart)
    add(directoryStart)
    add(grainStart)
    bytes += [0, 0x0a, 0x20, 0x0d, 0x0a]
    return bytes + Array(repeating: 0, count: Int(Self.sector) - bytes.count)
  }

  /// Writes an empty snapshot to an empty file, and flushes it to stable storage.
  func write(to file: StoredFile, descriptor: [UInt8]) throws(DiskError) {
    try file.truncate(to: grainStart * Self.sector)
    try descriptor.withBytes { (bytes) throws(DiskError) in try file.write(bytes, at: Self.descriptor.lowerBound) }
    for (start, sectors) in zip([directoryStart, copyStart], tables.sectors) {
      try sectors.map(\.littleEndian).withBytes { (bytes) throws(DiskError) in
        try file.write(bytes, at: start * Self.sector)
      }
    }
    try header.withBytes { (bytes) throws(DiskError) in try file.write(bytes, at: 0) }
    try file.synchronize()
  }
}
