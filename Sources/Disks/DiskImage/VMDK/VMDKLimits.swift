/// What a VMDK may ask for at most. No image that a VMware product writes comes near.
///
/// Together they bound the memory of an open disk of any size: 4 MiB of grain table entries, 4 MiB of decompressed
/// grains, 4 MiB of places of tables, and its descriptors and extents, some hundred bytes each.
enum VMDKLimits {
  /// The unit of every size and offset in a VMDK, in bytes.
  static let sectorBytes: UInt64 = 512

  /// The largest descriptor, in bytes: room for the extents below.
  static let descriptorBytes: UInt64 = 4 << 20

  /// How many bytes of a name or a value in a descriptor a message shows.
  static let shownName = 1024

  /// The most extents of one disk and its parents: 62 TiB, the most that VMware allows, in pieces of 2 GiB.
  static let extents = 32768

  /// The longest chain, the disk itself included. VMware allows 32 snapshots.
  static let links = 256

  /// Sectors of a hosted extent's grain: at least 4 KiB, at most 1 GiB.
  static let grainSectors: ClosedRange<UInt64> = 8...(1 << 21)

  /// Sectors of a COWD extent's grain: at least a sector, at most 1 GiB.
  static let cowdGrainSectors: ClosedRange<UInt64> = 1...(1 << 21)

  /// The largest compressed grain, in sectors: it has to be in memory as a whole, once a thread. VMware writes 128.
  static let compressedGrainSectors: UInt64 = 2048

  /// Entries of a hosted sparse extent's grain table. VMware writes 512 and qemu reads no more.
  static let grainTableEntries: ClosedRange<UInt32> = 1...512

  /// Bytes of one grain directory. Reached by 512 TiB of 64 KiB grains in a hosted extent, 128 TiB in an seSparse one.
  static let directoryBytes: UInt64 = 64 << 20

  /// Grains of a disk and its parents together.
  static let grains: UInt64 = 1 << 42

  /// How many bytes of directories and tables are checked when a disk is opened; 16 MiB are the tables of 256 GiB of
  /// stored 64 KiB grains. Beyond that damage is found when it is read.
  static let checkedBytes: UInt64 = 16 << 20

  /// How many bytes of grain directories are read when a disk is opened, to list its tables: all of the largest one's.
  static let listedBytes = directoryBytes

  /// How many places of grain tables a disk remembers, 16 bytes each, so that a grain is not taken from among them.
  static let tableRanges = 1 << 18

  /// How many grain table entries a disk keeps in memory at most, 8 bytes each. A power of two. 4 MiB hold the
  /// entries of 32 GiB of 64 KiB grains.
  static let cachedEntries = 1 << 19

  /// How many bytes of decompressed grains a disk keeps in memory.
  static let cachedGrainBytes = 4 << 20

  /// The largest disk: the last offset that the system can seek to.
  static let diskBytes = UInt64(Int64.max)
}

/// What opening one disk may still cost, shared by its extents and its parents' so that many small ones cannot add up.
struct VMDKOpenBudget {
  var extents = VMDKLimits.extents
  var grains = VMDKLimits.grains
  var checkedBytes = VMDKLimits.checkedBytes
  var listedBytes = VMDKLimits.listedBytes
  var tableRanges = VMDKLimits.tableRanges
}
