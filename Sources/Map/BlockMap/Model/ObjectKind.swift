/// What kind of object a range of a disk belongs to.
///
/// The raw value is the letter that stands for it in a block map. The first five are the 2014 format's. A map may have
/// letters that are not known here, from a later version: those are kinds, too.
public struct ObjectKind: RawRepresentable, Hashable, Sendable {
  public let rawValue: UInt8

  private init(letter: UInt8) { rawValue = letter }

  /// - Returns: nil for what is no letter of ASCII.
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
  /// `m`: metadata of a filesystem.
  public static var metadata: ObjectKind { ObjectKind(letter: 0x6d) }
  /// `s`: swap space.
  public static var swap: ObjectKind { ObjectKind(letter: 0x73) }
  /// `b`: boot code and tables: MBR, GPT, the gap a boot loader lives in.
  public static var boot: ObjectKind { ObjectKind(letter: 0x62) }
  /// `r`: RAID parity, or the metadata of another leg of a mirror.
  public static var raid: ObjectKind { ObjectKind(letter: 0x72) }

  /// Those that have a meaning here.
  public static let known: [ObjectKind] = [
    .disk, .partition, .logicalVolume, .directory, .file, .metadata, .swap, .boot, .raid,
  ]

  /// Those that a map may have: every letter.
  public static let all: [ObjectKind] = (0x41...0x7a).compactMap { ObjectKind(rawValue: $0) }

  /// How narrowly this kind names what is there, from 0 (the whole disk) to 5 (a file): the higher of two wins. What is
  /// not known is taken for a part of a filesystem that is no file.
  public var specificity: UInt8 {
    switch self {
    case .disk: 0
    case .partition: 1
    case .logicalVolume: 2
    case .directory: 4
    case .file: 5
    default: 3
    }
  }

  /// Whether it is a whole disk, a partition or a logical volume.
  public var isDevice: Bool { specificity <= Self.logicalVolume.specificity }

  /// The place of this kind when broader kinds come first; unlike `specificity` no two kinds share one.
  var sortRank: UInt16 { UInt16(specificity) << 8 | UInt16(rawValue) }
}
