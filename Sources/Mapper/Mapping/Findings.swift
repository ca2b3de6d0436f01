import BlockMap

/// What a run found, for the final message.
public struct Findings: Sendable {
  public internal(set) var partitions = 0
  public internal(set) var logicalVolumes = 0
  public internal(set) var filesystems = 0
  public internal(set) var directories = 0
  public internal(set) var files = 0
  /// Files and directories that could not be read.
  public internal(set) var unreadable = 0
  /// Other gaps that warnings have reported, such as volumes that could not be examined, damaged partition tables,
  /// and paths that are too long for a map.
  public internal(set) var incomplete = 0
  /// Filesystems that could not be mounted or walked.
  public internal(set) var notMounted = 0
  /// How long the appliance took to start, in seconds.
  public internal(set) var launchSeconds = 0.0
  /// How long all walks took together, in seconds.
  public internal(set) var walkSeconds = 0.0

  /// What the bytes of all disks are used for.
  public internal(set) var space = SpaceTotals()

  /// Whether the guest has more than the map covers.
  public var isPartial: Bool { gaps > 0 }

  /// How many things are missing from the map.
  var gaps: Int { unreadable + notMounted + incomplete }
}
