import Appliance
import BlockMap
import DiskImage
import FileProof
import SystemPackage

/// Which map to verify against which disks.
public struct VerifyRequest: Sendable {
  /// The guest's disks in order; at least one.
  public var disks: [DiskSource]
  public var map: FilePath
  /// The keys for encrypted devices.
  public var keys: [DeviceKey] = []
  /// Which problems to tolerate when a disk is opened.
  public var options = OpenOptions()
  /// `-v`: libguestfs reports what it does.
  public var isVerbose = false
  /// `-x`: libguestfs calls are traced.
  public var isTraced = false

  public init(disks: [DiskSource], map: FilePath) {
    self.disks = disks
    self.map = map
  }
}

/// The result of verifying a map.
public struct Verification: Sendable {
  /// A filesystem of the guest, and how many of its files had which result.
  public struct Filesystem: Sendable {
    /// The map's name for the filesystem.
    public internal(set) var device: [UInt8]
    /// The type, such as `ext4`; empty for a filesystem that is only in the map.
    public internal(set) var type: String
    /// Files that are, byte for byte, what the map says, in every copy.
    public internal(set) var proved = 0
    /// Files that cannot be rebuilt, by the reason that the filesystem gives.
    public internal(set) var excepted: [ProofException: Int] = [:]
    /// Files and directories about which the map is wrong, and ranges that it says are both unallocated and in use.
    public internal(set) var wrong = 0
    /// Files and directories in the map that could not be checked, since the filesystem cannot be mounted or not all of
    /// it could be examined.
    public internal(set) var unverified = 0

    /// The number of all excepted files.
    public var exceptedCount: Int { excepted.values.reduce(0, +) }
  }

  /// In the order in which they were examined.
  public internal(set) var filesystems: [Filesystem] = []
  /// Whether part of the map could not be checked.
  public internal(set) var isIncomplete = false

  public var wrong: Int { filesystems.reduce(0) { $0 + $1.wrong } }

  /// The sums over all filesystems, without a name.
  public var total: Filesystem {
    filesystems.reduce(into: Filesystem(device: [], type: "")) { total, filesystem in
      total.proved += filesystem.proved
      total.excepted.merge(filesystem.excepted, uniquingKeysWith: +)
      total.wrong += filesystem.wrong
      total.unverified += filesystem.unverified
    }
  }
}

extension Verification {
  /// The index in `filesystems` of a device, which is added if it is new.
  mutating func index(of device: [UInt8], _ indices: inout [[UInt8]: Int]) -> Int {
    if let index = indices[device] { return index }
    filesystems.append(Filesystem(device: device, type: ""))
    indices[device] = filesystems.count - 1
    return filesystems.count - 1
  }

  /// A remark about one file or directory.
  public struct Finding: Sendable {
    public var isWrong: Bool
    public var device: [UInt8]
    public var path: [UInt8]
    /// A few words for the user.
    public var reason: String
  }
}
