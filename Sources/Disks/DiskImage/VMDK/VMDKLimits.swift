/// Limits on VMDK images. No image written by a VMware product exceeds them.
///
/// Together they limit the memory used by an open disk of any size: 4 MiB of grain table entries, 4 MiB of decompressed
/// grains, 4 MiB of grain table ranges, and some hundred bytes for each descriptor and extent.
enum VMDKLimits {
  /// The unit of sizes and offsets in a VMDK, in bytes.
  static let sectorBytes: UInt64 = 512

  /// The largest descriptor, in bytes. It is large enough for the number of extents below.
  static let descriptorBytes: UInt64 = 4 << 20

  /// The longest name or value from a descriptor that is shown in a message, in bytes.
  static let shownName = 1024

  /// The most extents of a disk and its parents. VMware allows at most 62 TiB, in extents of 2 GiB.
  static let extents = 32768

  /// The longest chain, including the disk itself. VMware allows 32 snapshots.
  static let links = 256

  /// The grain size of a hosted extent, in sectors: from 4 KiB to 1 GiB.
  static let grainSectors: ClosedRange<UInt64> = 8...(1 << 21)

  /// The grain size of a COWD extent, in sectors: from one sector to 1 GiB.
  static let cowdGrainSectors: ClosedRange<UInt64> = 1...(1 << 21)

  /// The largest compressed grain, in sectors. Each thread needs to hold a whole grain in memory. VMware writes 128.
  static let compressedGrainSectors: UInt64 = 2048

  /// The number of entries in a grain table of a hosted sparse extent. VMware writes 512, and qemu does not read more.
  static let grainTableEntries: ClosedRange<UInt32> = 1...512

  /// The largest grain directory, in bytes: enough for 512 TiB of 64 KiB grains in a hosted extent, or 128 TiB in an
  /// seSparse one.
  static let directoryBytes: UInt64 = 64 << 20

  /// The most grains of a disk and its parents together.
  static let grains: UInt64 = 1 << 42

  /// How many bytes of grain directories and tables are checked when a disk is opened. 16 MiB of tables describe 256
  /// GiB of stored 64 KiB grains. Damage beyond that is found when it is read.
  static let checkedBytes: UInt64 = 16 << 20

  /// How many bytes of grain directories are read when a disk is opened, to list its tables: as many as the largest one
  /// has.
  static let listedBytes = directoryBytes

  /// How many ranges of grain tables are remembered for a disk, at 16 bytes each, to detect a grain that overlaps a
  /// table.
  static let tableRanges = 1 << 18

  /// How many grain table entries are cached for a disk, at 8 bytes each. A power of two. 4 MiB hold the entries of 32
  /// GiB of 64 KiB grains.
  static let cachedEntries = 1 << 19

  /// How many bytes of decompressed grains are cached for a disk.
  static let cachedGrainBytes = 4 << 20

  /// The largest disk, in bytes: the largest offset that the system can seek to.
  static let diskBytes = UInt64(Int64.max)
}

/// What is left to spend on opening one disk. Its extents and those of its parents share it, so that many small ones
/// cannot exceed the limits together.
struct VMDKOpenBudget {
  var extents = VMDKLimits.extents
  var grains = VMDKLimits.grains
  var checkedBytes = VMDKLimits.checkedBytes
  var listedBytes = VMDKLimits.listedBytes
  var tableRanges = VMDKLimits.tableRanges
}
