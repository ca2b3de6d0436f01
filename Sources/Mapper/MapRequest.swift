import DiskImage
import SystemPackage

/// What is to be mapped, and how.
public struct MapRequest: Sendable {
  public var disk: FilePath
  /// Nil: by the name; see `DiskFormat.guess`.
  public var format: DiskFormat?
  /// What the disk may be opened in spite of.
  public var options = OpenOptions()
  /// Where the map goes.
  public var output: FilePath
  /// `-v`: libguestfs says what it does.
  public var isVerbose = false
  /// `-x`: calls of libguestfs are shown.
  public var isTraced = false

  public init(disk: FilePath, format: DiskFormat?, output: FilePath) {
    self.disk = disk
    self.format = format
    self.output = output
  }
}
