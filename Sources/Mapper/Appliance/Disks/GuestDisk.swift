import BlockMap
import BlockStack
import DiskImage
import Glibc
import NBDSource
import SystemPackage

/// One of the guest's disks, as it was at the start of the run.
package struct GuestDisk: Sendable {
  /// How the recorder reads the disk.
  package enum Reading: Sendable {
    case file(FilePath, DiskFormat)
    case server(NBDAddress)
  }

  package let reading: Reading
  /// In bytes, as the guest sees it.
  package let size: UInt64
  package let description: DiskDescription
  package private(set) var sectorSize = SectorSize.bytes512
  package private(set) var table = DiskTable()
  private let source: DiskSource
  /// The sector size that the image format declares.
  private let declaredSectorSize: SectorSize?

  /// - Parameter format: the format to write to the map's header.
  package init(
    _ source: DiskSource, readFrom reading: Reading, format: ImageFormat, size: UInt64,
    declaredSectorSize: SectorSize? = nil
  ) {
    self.source = source
    self.declaredSectorSize = declaredSectorSize
    self.reading = reading
    self.size = size
    description = DiskDescription(size: size, format: Array(format.rawValue.utf8), file: source.name)
  }

  /// Whether the user gave an NBD URI instead of a file.
  package var isNBDSource: Bool {
    if case .server = source.location { true } else { false }
  }

  /// Opens the disk for reading in this process.
  /// - Throws: `DiskError`.
  package func open(_ options: OpenOptions, isCancelled: @escaping @Sendable () -> Bool) throws -> any VirtualDisk {
    switch reading {
    case .file(let path, let format): try openDisk(at: path, format: format, options: options).disk
    case .server(let address): try NBDDisk(at: address, isCancelled: isCancelled)
    }
  }

  /// Returns the same disk with its sector size and partition table filled in.
  /// - Parameter opened: the open disk to read them from.
  package func withTable(from opened: any VirtualDisk) -> GuestDisk {
    let bytes = TableBytes(opened)
    var disk = self
    disk.sectorSize = source.sectorSize ?? SectorSize.detect(bytes, declared: declaredSectorSize)
    disk.table = DiskTable.read(bytes, disk.sectorSize)
    return disk
  }

  /// Throws if the size of the disk has changed: to the appliance, the lost part of a truncated disk looks empty.
  /// Disks of NBD servers are not checked, because their size is fixed for the length of a connection, and neither
  /// are files that can no longer be opened.
  package func checkSize(_ options: OpenOptions) throws(MapperError) {
    guard case .file(let path, let format) = reading,
      let now = try? openDisk(at: path, format: format, options: options).disk
    else { return }
    defer { now.close() }
    guard now.size == size else { throw .changed(path.bytes) }
  }
}

extension OpenedDisk {
  /// Returns a warning if a raw disk may be a disk image, otherwise nothing.
  /// - Parameter advice: what to do if it is one.
  public func formatWarning(_ advice: (ImageMagic) -> String) -> [String] {
    guard let seemsToBe, let file = files.first else { return [] }
    return [
      "\(Escaping.text(file.bytes, as: .path)): \(seemsToBe.explanation) (a guest may have written that itself): if it "
        + "is one, \(advice(seemsToBe))"
    ]
  }
}

/// A disk that was examined, but for which no server was started yet.
package enum ExaminedDisk: Sendable {
  case ready(GuestDisk, files: [FilePath])
  /// A disk that needs a qemu-nbd.
  case foreign(ForeignImage)

  /// - Parameter keys: keys for encrypted images; keys for other devices are ignored.
  /// - Throws: `DiskError` or `MapperError`. Only what is in the result stays open.
  package init(
    _ source: DiskSource, options: OpenOptions, keys: [DeviceKey], reporter: any Reporter, isCancelled: () -> Bool
  ) throws {
    switch source.location {
    case .server(let address):
      guard source.format ?? .raw == .raw else {
        throw MapperError.source(source.name, "what an NBD server serves is read as a raw disk only")
      }
      let size = try NBDExport.ask(at: address, isCancelled: isCancelled).size
      self = .ready(GuestDisk(source, readFrom: .server(address), format: .raw, size: size), files: [])
    case .file(let path):
      let format = source.format ?? ImageFormat.guess(fromName: path)
      guard let native = format.native else {
        self = .foreign(
          try ForeignImage(source, at: path, format: format, allowsExternal: options.allowsExternal, keys: keys))
        return
      }
      // With nil, `openDisk` guesses the same format, and also checks whether a raw disk may be an image.
      let opened = try openDisk(at: path, format: source.format == nil ? nil : native, options: options)
      defer { opened.disk.close() }
      for warning in opened.warnings + opened.formatWarning({ "give --format \($0.format)" }) {
        reporter.warning(warning)
      }
      let disk = GuestDisk(source, readFrom: .file(path, native), format: format, size: opened.disk.size)
      self = .ready(disk, files: opened.files)
    }
  }

  /// The size in bytes, as the guest sees it, or nil if it is not known yet.
  package var size: UInt64? {
    switch self {
    case .ready(let disk, _): disk.size
    case .foreign: nil
    }
  }

  /// The files that the disk consists of, as far as they are known.
  package var files: [FilePath] {
    switch self {
    case .ready(_, let files): files
    case .foreign(let image): [image.path]
    }
  }
}
