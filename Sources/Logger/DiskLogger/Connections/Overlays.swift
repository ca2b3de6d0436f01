public import DiskImage
import DiskOverlay
public import NBDKit
public import SystemPackage

/// The overlays that take the writes of each disk, if it can be written.
public struct Overlays: Sendable {
  private var overlays: [(any Overlay)?] = []

  public init() {}

  /// A disk with its files.
  public struct Base: Sendable {
    public var disk: any VirtualDisk
    public var files: [FilePath]
    /// The chain of its images if it is a VMDK.
    public var chain: [DiskLink]

    public init(_ disk: any VirtualDisk, files: [FilePath] = [], chain: [DiskLink] = []) {
      self.disk = disk
      self.files = files
      self.chain = chain
    }
  }

  /// Opens the overlays that the user asked for.
  /// - Parameter disks: the disks, in their order.
  /// - Throws: if one cannot be opened, or if their number differs from the number of disks; then none stays open.
  public init(_ parameters: LoggerParameters, over disks: [Base]) throws {
    do {
      for (base, parameter) in zip(disks, try parameters.overlays(disks: disks.count)) {
        guard let parameter else {
          overlays.append(nil)
          continue
        }
        let (overlay, warning) = try parameter.open(over: base.disk, files: base.files, chain: base.chain)
        overlays.append(overlay)
        if let warning { Log.error(warning) }
      }
    } catch {
      close()
      throw error
    }
  }

  /// A client's view of a disk with its overlay.
  /// - Parameter index: the index of the disk, 0 for the first.
  public func connection(to disk: any VirtualDisk, index: Int) -> any Connection {
    ImageConnection(disk: disk, overlay: overlays.indices.contains(index) ? overlays[index] : nil)
  }

  /// Calls `body` with each range in the overlays, and with the index of its disk, 0 for the first.
  func forEachWrittenRange(_ body: (Range<UInt64>, Int) -> Void) {
    for (index, overlay) in overlays.enumerated() { overlay?.forEachWrittenRange { body($0, index) } }
  }

  /// Closes the overlays, saving what was written to those that are kept. Errors are reported to the user.
  public func close() {
    for overlay in overlays {
      do { try overlay?.close() } catch { Log.error("\(error)") }
    }
  }
}
