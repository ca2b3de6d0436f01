import Appliance
import BlockMap
import DiskImage
import FileProof
import SystemPackage

/// Which map is to be proved against which disks.
public struct VerifyRequest: Sendable {
  /// The guest's disks in their order, one at least.
  public var disks: [DiskSource]
  public var map: FilePath
  /// What opens encrypted devices.
  public var keys: [DeviceKey] = []
  /// What the disks may be opened in spite of.
  public var options = OpenOptions()
  /// `-v`: libguestfs says what it does.
  public var isVerbose = false
  /// `-x`: calls of libguestfs are shown.
  public var isTraced = false

  public init(disks: [DiskSource], map: FilePath) {
    self.disks = disks
    self.map = map
  }
}

/// What became of a map's proof.
public struct Verification: Sendable {
  /// A filesystem of the guest and how many of its files came out how.
  public struct Filesystem: Sendable {
    /// As the map names it.
    public internal(set) var device: [UInt8]
    /// Such as `ext4`; empty for one that is in the map only.
    public internal(set) var type: String
    /// Files that are, byte for byte, what the map says, in every copy.
    public internal(set) var proved = 0
    /// Files of which the filesystem says why they cannot be rebuilt.
    public internal(set) var excepted: [ProofException: Int] = [:]
    /// Files and directories of which the map is wrong.
    public internal(set) var wrong = 0
    /// Files and directories in the map about which nothing can be said, since the filesystem cannot be mounted.
    public internal(set) var unverified = 0

    /// All that are excepted.
    public var exceptedCount: Int { excepted.values.reduce(0, +) }
  }

  /// In the order in which they were examined.
  public internal(set) var filesystems: [Filesystem] = []
  /// Whether something of the map could not be examined.
  public internal(set) var isIncomplete = false

  public var wrong: Int { filesystems.reduce(0) { $0 + $1.wrong } }

  /// All filesystems as one, without a name.
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
  /// Something to say of one file or directory.
  public struct Finding: Sendable {
    public var isWrong: Bool
    public var device: [UInt8]
    public var path: [UInt8]
    /// For a reader: a few words.
    public var reason: String
  }
}
