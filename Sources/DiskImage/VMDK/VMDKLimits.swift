/// What a VMDK may ask for at most. No image that a VMware product writes comes near.
enum VMDKLimits {
  /// The unit of every size and offset in a VMDK, in bytes.
  static let sectorBytes: UInt64 = 512

  /// The largest descriptor, in bytes: room for the extents below.
  static let descriptorBytes: UInt64 = 1 << 20

  /// The most extents of one disk: 16 TiB in pieces of 2 GiB.
  static let extents = 8192

  /// Sectors of a grain: at least 4 KiB, at most 1 GiB.
  static let grainSectors: ClosedRange<UInt64> = 8...(1 << 21)

  /// Entries of a hosted sparse extent's grain table. VMware writes 512 and qemu reads no more.
  static let grainTableEntries: ClosedRange<UInt32> = 1...512

  /// Bytes of all grain directories of a disk together, 4 for each table. Reached by 512 TiB of 64 KiB grains.
  static let directoryBytes: UInt64 = 64 << 20

  /// How many bytes of grain tables are checked when a disk is opened; 16 MiB are those of 256 GiB of stored 64 KiB
  /// grains. Beyond that damage is found when it is read.
  static let checkedTableBytes: UInt64 = 16 << 20

  /// How many grain table entries a disk keeps in memory at most, 8 bytes each. A power of two. 4 MiB hold the
  /// entries of 32 GiB of 64 KiB grains.
  static let cachedEntries = 1 << 19

  /// The largest disk: the last offset that the system can seek to.
  static let diskBytes = UInt64(Int64.max)
}

/// What opening one disk may still cost, shared by its extents so that many small ones cannot add up.
struct VMDKOpenBudget {
  var directoryBytes = VMDKLimits.directoryBytes
  var checkedTableBytes = VMDKLimits.checkedTableBytes
}
