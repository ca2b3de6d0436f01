import Appliance
import DiskImage
import SystemPackage
import WalkRecord

/// What to map, and how.
public struct MapRequest: Sendable {
  /// The guest's disks, in order. There is at least one.
  public var disks: [DiskSource]
  /// How to find files.
  public var method = MapMethod.auto(proof: MapMethod.usualProof)
  /// The keys for encrypted devices.
  public var keys: [DeviceKey] = []
  /// Which problems to tolerate when a disk is opened.
  public var options = OpenOptions()
  /// Where to write the map.
  public var output: FilePath
  /// The largest size of the map, in bytes.
  public var maximumMapBytes = Self.usualMapBytes
  /// `-v`: libguestfs reports what it does.
  public var isVerbose = false
  /// `-x`: libguestfs calls are traced.
  public var isTraced = false

  /// The map of a guest with ten million files takes a quarter of this.
  public static let usualMapBytes: UInt64 = 4 << 30

  /// The appliance has no room for more disks besides its own.
  public static let maximumDisks = 200

  public init(disks: [DiskSource], output: FilePath) {
    self.disks = disks
    self.output = output
  }
}

/// How virt-bmap locates files.
public enum MapMethod: Equatable, Sendable {
  /// Read each file and record the reads of the disks.
  case read
  /// Ask the filesystem and translate its answer through the volumes below, where both are possible. Otherwise read.
  case extents
  /// Like `extents`, but then read `proof` files of each filesystem (nil: all) to check that they are where the
  /// filesystem says. If one is not, read all files of the filesystem.
  case auto(proof: Int?)

  public static let usualProof = 64

  /// The argument that selects the method in the walker.
  var walkerArgument: String {
    switch self {
    case .read: WalkMethod.read.argument
    case .extents: WalkMethod.extents(proof: 0).argument
    case .auto(let proof): WalkMethod.extents(proof: proof).argument
    }
  }
}
