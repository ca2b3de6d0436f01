import BlockMap
import DiskImage
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
    public internal(set) var excepted: [Exception: Int] = [:]
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
  /// Why a file's bytes need not be those of its ranges. The raw value is the word for it, in the text and in the JSON.
  public enum Exception: String, Sendable, CaseIterable {
    /// The disk holds its bytes in another form; the map's ranges are where that is.
    case compressed
    /// Its bytes are in the filesystem's metadata, for which the map has no range.
    case inline
    /// Some of its bytes are on a device that its array has lost.
    case lost
    /// The guest's filesystem gives an error when it is read.
    case unreadable
    /// It is encrypted, and the guest's filesystem has no key.
    case encrypted
    /// There is no end to reading it: it has large holes, or more data than the disks.
    case tooLarge = "too large"
    /// Its path is longer than a map holds.
    case tooLong = "path too long"
  }

  /// Something to say of one file or directory.
  public struct Finding: Sendable {
    public var isWrong: Bool
    public var device: [UInt8]
    public var path: [UInt8]
    /// For a reader: a few words.
    public var reason: String
  }
}
