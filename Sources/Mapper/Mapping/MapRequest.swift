import Appliance
import DiskImage
import SystemPackage
import WalkRecord

/// What is to be mapped, and how.
public struct MapRequest: Sendable {
  /// The guest's disks in their order, one at least.
  public var disks: [DiskSource]
  /// How files are found.
  public var method = MapMethod.auto(proof: MapMethod.usualProof)
  /// What opens encrypted devices.
  public var keys: [DeviceKey] = []
  /// What the disks may be opened in spite of.
  public var options = OpenOptions()
  /// Where the map goes.
  public var output: FilePath
  /// How large the map may be, in bytes.
  public var mostMapBytes = Self.usualMapBytes
  /// `-v`: libguestfs says what it does.
  public var isVerbose = false
  /// `-x`: calls of libguestfs are shown.
  public var isTraced = false

  /// Of a guest with ten million files the map is a quarter of it.
  public static let usualMapBytes: UInt64 = 4 << 30

  /// More would not fit into the appliance beside what it needs itself.
  public static let mostDisks = 200

  public init(disks: [DiskSource], output: FilePath) {
    self.disks = disks
    self.output = output
  }
}

/// How virt-bmap finds out where a file is.
public enum MapMethod: Equatable, Sendable {
  /// By reading it.
  case read
  /// By asking the filesystem and following the answer through the volumes below it, where both are possible.
  case extents
  /// As `extents`, and then reading so many files of each filesystem, or all (nil), to see whether they are there; where
  /// one is not, the filesystem is read.
  case auto(proof: Int?)

  public static let usualProof = 64

  /// What the walker is told.
  var walkerArgument: String {
    switch self {
    case .read: WalkMethod.read.argument
    case .extents: WalkMethod.extents(proof: 0).argument
    case .auto(let proof): WalkMethod.extents(proof: proof).argument
    }
  }
}
