/// The kind of object that a range of a disk belongs to.
///
/// The raw value is the kind's letter in a block map. The first five kinds are in the 2014 format. A map from a later
/// version can have letters that are not known here; those are kinds, too.
public struct ObjectKind: RawRepresentable, Hashable, Sendable {
  public let rawValue: UInt8

  private init(letter: UInt8) { rawValue = letter }

  /// - Returns: nil if the byte is not an ASCII letter.
  @inline(__always)
  public init?(rawValue: UInt8) {
    guard 0x61...0x7a ~= rawValue | 0x20 else { return nil }
    self.rawValue = rawValue
  }

  /// `v`: a whole disk.
  public static var disk: ObjectKind { ObjectKind(letter: 0x76) }
  /// `p`: a partition.
  public static var partition: ObjectKind { ObjectKind(letter: 0x70) }
  /// `l`: a logical volume.
  public static var logicalVolume: ObjectKind { ObjectKind(letter: 0x6c) }
  /// `d`: a directory.
  public static var directory: ObjectKind { ObjectKind(letter: 0x64) }
  /// `f`: a regular file.
  public static var file: ObjectKind { ObjectKind(letter: 0x66) }
  /// `m`: filesystem metadata.
  public static var metadata: ObjectKind { ObjectKind(letter: 0x6d) }
  /// `s`: swap space.
  public static var swap: ObjectKind { ObjectKind(letter: 0x73) }
  /// `b`: boot code and tables: MBR, GPT, the gap that contains a boot loader.
  public static var boot: ObjectKind { ObjectKind(letter: 0x62) }
  /// `r`: RAID parity, or the metadata of another leg of a mirror.
  public static var raid: ObjectKind { ObjectKind(letter: 0x72) }
  /// `u`: unallocated space, which the filesystem, volume manager or partition table says is free.
  public static var unallocated: ObjectKind { ObjectKind(letter: 0x75) }
  /// `a`: space that is allocated to a file but is not part of its content: unwritten (preallocated) extents, and what
  /// lies beyond the end of the file.
  public static var unwritten: ObjectKind { ObjectKind(letter: 0x61) }

  /// The kinds that have a meaning here.
  public static let known: [ObjectKind] = [
    .disk, .partition, .logicalVolume, .directory, .file, .metadata, .swap, .boot, .raid, .unallocated, .unwritten,
  ]

  /// The kinds that a map can have: every letter.
  public static let all: [ObjectKind] = (0x41...0x7a).compactMap { ObjectKind(rawValue: $0) }

  /// How specific this kind is, from 0 (a whole disk) to 6 (a file); the higher value wins. An unknown kind counts as a
  /// part of a filesystem that is not a file.
  public var specificity: UInt8 {
    switch self {
    case .disk: 0
    case .partition: 1
    case .logicalVolume: 2
    case .unallocated: 3
    case .directory, .unwritten: 5
    case .file: 6
    default: 4
    }
  }

  /// Whether it is a whole disk, a partition or a logical volume.
  public var isDevice: Bool { specificity <= Self.logicalVolume.specificity }

  /// The sort order of the kinds, broader ones first. Unlike `specificity`, it differs for any two kinds.
  var sortRank: UInt16 { UInt16(specificity) << 8 | UInt16(rawValue) }
}
