/// What kind of object a range of a disk belongs to.
///
/// The raw value is the letter that stands for it in a block map. The first five are the 2014 format's.
public enum ObjectKind: UInt8, Sendable, CaseIterable {
  /// `v`: a whole disk.
  case disk = 0x76
  /// `p`: a partition.
  case partition = 0x70
  /// `l`: a logical volume.
  case logicalVolume = 0x6c
  /// `d`: a directory.
  case directory = 0x64
  /// `f`: a regular file.
  case file = 0x66
  /// `m`: metadata of a filesystem.
  case metadata = 0x6d
  /// `s`: swap space.
  case swap = 0x73
  /// `b`: boot code and tables: MBR, GPT, the gap a boot loader lives in.
  case boot = 0x62
  /// `r`: RAID parity, or the metadata of another leg of a mirror.
  case raid = 0x72

  /// How narrowly this kind names what is there, from 0 (the whole disk) to 5 (a file): the higher of two wins.
  public var specificity: UInt8 {
    switch self {
    case .disk: 0
    case .partition: 1
    case .logicalVolume: 2
    case .metadata, .swap, .boot, .raid: 3
    case .directory: 4
    case .file: 5
    }
  }

  /// Whether it is a whole disk, a partition or a logical volume.
  public var isDevice: Bool { specificity <= Self.logicalVolume.specificity }

  /// The place of this kind when broader kinds come first; unlike `specificity` no two kinds share one.
  var sortRank: UInt16 { UInt16(specificity) << 8 | UInt16(rawValue) }
}
