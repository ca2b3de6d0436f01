import CLinux
import Glibc
import NTFSRecords
import WalkRecord

/// The mounted filesystem, and what its kind asks of a walk whose every read must be told apart.
struct Filesystem {
  /// From linux/magic.h.
  enum Kind: UInt64 {
    case ext = 0xef53
    case btrfs = 0x9123_683e
    case fat = 0x4d44
    case exfat = 0x2011_bab0
    case fuse = 0x6573_5546
    case squashfs = 0x7371_7368
    case minix = 0x138f
    case xfs = 0x5846_5342
    case other = 0

    init(magic: UInt64) {
      switch magic {
      // Versions 1 and 2 with names of 14 and of 30 bytes, and 3.
      case 0x137f, 0x138f, 0x2468, 0x2478, 0x4d5a: self = .minix
      default: self = Kind(rawValue: magic) ?? .other
      }
    }
  }

  let kind: Kind
  /// The directory it is mounted on.
  let directory: String
  /// The block device it is on, open for direct and for buffered reads.
  let direct: Int32
  /// The device is a disk or a partition, not put together of others.
  let isPlainDevice: Bool
  /// Bytes; a read of a file's end is rounded up to it.
  let blockSize: UInt64
  /// Where FAT12 and FAT16 have their root directory, in bytes of the device: right behind the tables, so that what is
  /// read of these may bring its beginning with it.
  let rootDirectory: Range<UInt64>?
  /// Of NTFS, where ntfs-3g has it mounted.
  let boot: BootSector?
  /// Where directories and inodes are read without a word about it: of ext2/3/4 that tells where everything is.
  let readingAhead: ReadingAhead?
  let inodesInUse: UInt64
  let bytesInUse: UInt64

  init(mountedOn directory: String, method: WalkMethod) throws(WalkError) {
    self.directory = directory
    guard let device = mountedDevice(directory) else { throw WalkError("\(directory): nothing is mounted there") }
    // By its name: to open the root would make XFS read its first block, unseen.
    var status = clinux_statfs()
    guard clinux_get_statfs(directory, &status) == 0 else { throw .system(directory) }
    kind = Kind(magic: status.type)
    blockSize = max(512, min(status.block_size, 65_536))
    inodesInUse = status.files &- min(status.files, status.files_free)
    bytesInUse = (status.blocks &- min(status.blocks, status.blocks_free)) &* status.block_size
    direct = clinux_openat(AT_FDCWD, device, O_RDONLY, 1)
    guard direct >= 0 else { throw .system(device) }
    isPlainDevice = clinux_is_layered(direct) == 0
    let buffered = clinux_openat(AT_FDCWD, device, O_RDONLY, 0)
    guard buffered >= 0 else { throw .system(device) }
    defer { close(buffered) }
    // Whatever looked for a filesystem here has left blocks in the cache, where a walk would not be seen to read them. Of
    // ext2/3/4 nothing is read through it but what the filesystem itself needs to know.
    guard kind == .ext && method != .read || clinux_flush_buffers(buffered) == 0 else { throw .system(device) }
    readingAhead = kind == .ext && method != .read ? ReadingAhead(device: direct) : nil
    boot = kind == .fuse ? Self.readBootSector(direct) : nil
    rootDirectory = kind == .fat || kind == .exfat ? Self.readAllocationTables(buffered, kind) : nil
  }

  /// Whether it says where files are: by FIEMAP, FAT and minix by FIBMAP, or NTFS by its file table; FIBMAP on ntfs-3g
  /// takes as long for a block as reading it does.
  var tellsExtents: Bool {
    switch kind {
    case .ext, .xfs, .btrfs, .fat, .exfat, .minix, .other: true
    case .fuse: boot != nil
    case .squashfs: false
    }
  }

  /// Whether FIBMAP is a call to the kernel alone.
  var hasBlockLists: Bool {
    switch kind {
    case .fat, .exfat, .minix: true
    case .ext, .xfs, .btrfs, .fuse, .squashfs, .other: false
    }
  }

  private static func readBootSector(_ device: Int32) -> BootSector? {
    let buffer = AlignedBuffer(size: 4096).bytes
    defer { buffer.deallocate() }
    guard pread(device, buffer.baseAddress, buffer.count, 0) == buffer.count else { return nil }
    return BootSector(Array(buffer.prefix(BootSector.size)))
  }

  /// Forgets what was read of the device through its page cache.
  func dropDeviceCache() { _ = clinux_flush_buffers(direct) }

  /// FAT: the chains of clusters are read as files and directories are; with the tables in the cache, what is read for
  /// an object is the object's. Layout: "FAT: General Overview of On-Disk Format", BPB, and the "exFAT file system
  /// specification", 3.1.
  /// - Returns: where the root directory is, if it is in a fixed place.
  private static func readAllocationTables(_ device: Int32, _ kind: Kind) -> Range<UInt64>? {
    let buffer = AlignedBuffer(size: 1 << 20).bytes
    defer { buffer.deallocate() }
    guard pread(device, buffer.baseAddress, 512, 0) == 512 else { return nil }
    func word(_ offset: Int) -> UInt64 { UInt64(buffer[offset]) | UInt64(buffer[offset + 1]) << 8 }
    func double(_ offset: Int) -> UInt64 { word(offset) | word(offset + 2) << 16 }
    var offset: UInt64 = 0
    let end: UInt64
    var root: Range<UInt64>?
    if kind == .exfat {
      let shift = UInt64(min(buffer[108], 12))
      offset = double(80) << shift
      end = offset + (double(84) << shift)
    } else {
      let short = word(22)
      end = (word(14) + UInt64(buffer[16]) * (short != 0 ? short : double(36))) * word(11)
      if short != 0, word(17) > 0 { root = end..<end + word(17) * 32 }
    }
    while offset < end {
      let count = pread(device, buffer.baseAddress, Int(min(UInt64(buffer.count), end - offset)), off_t(offset))
      guard count > 0 else { return root }
      offset += UInt64(count)
    }
    return root
  }
}

/// The device that /proc/mounts names for a mount point; the last mount is the visible one.
private func mountedDevice(_ directory: String) -> String? {
  guard let mounts = fopen("/proc/mounts", "r") else { return nil }
  defer { fclose(mounts) }
  var line: UnsafeMutablePointer<CChar>?
  var capacity = 0
  defer { free(line) }
  var device: String?
  while getline(&line, &capacity, mounts) > 0, let line {
    let fields = String(cString: line).split(separator: " ", maxSplits: 2)
    if fields.count > 1, fields[1] == directory { device = String(fields[0]) }
  }
  return device
}
