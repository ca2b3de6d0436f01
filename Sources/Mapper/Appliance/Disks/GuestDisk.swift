import BlockMap
import BlockStack
import DiskImage
import Glibc
import NBDSource
import SystemPackage

/// One of the guest's disks, as it was when the run began.
package struct GuestDisk: Sendable {
  /// Where the recorder reads it.
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
  /// What the image's format says.
  private let declaredSectorSize: SectorSize?

  /// - Parameter format: as the map's header has it.
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
    if case .server = source.place { true } else { false }
  }

  /// Opens the disk to read it here.
  /// - Throws: `DiskError`.
  package func open(_ options: OpenOptions, isCancelled: @escaping @Sendable () -> Bool) throws -> any VirtualDisk {
    switch reading {
    case .file(let path, let format): try openDisk(at: path, format: format, options: options).disk
    case .server(let address): try NBDDisk(at: address, isCancelled: isCancelled)
    }
  }

  /// The same disk with what its partition table is.
  /// - Parameter opened: reads the disk.
  package func withTable(from opened: any VirtualDisk) -> GuestDisk {
    let bytes = TableBytes(opened)
    var disk = self
    disk.sectorSize = source.sectorSize ?? SectorSize.detect(bytes, declared: declaredSectorSize)
    disk.table = DiskTable.read(bytes, disk.sectorSize)
    return disk
  }

  /// Throws if the disk's size is another one now: a disk that was cut short looks to the appliance like one with nothing
  /// there. What a server said of its size holds as long as the connection does.
  package func checkSize(_ options: OpenOptions) throws(MapperError) {
    guard case .file(let path, let format) = reading,
      let now = try? openDisk(at: path, format: format, options: options).disk
    else { return }
    defer { now.close() }
    guard now.size == size else { throw .changed(path.bytes) }
  }
}

extension OpenedDisk {
  /// What to say where a raw disk may be an image; nothing where there is nothing to say.
  /// - Parameter advice: what to do if it is one.
  public func formatWarning(_ advice: (ImageMagic) -> String) -> [String] {
    guard let seemsToBe, let file = files.first else { return [] }
    return [
      "\(Escaping.text(file.bytes, as: .path)): \(seemsToBe.explanation) (a guest may have written that itself): if it "
        + "is one, \(advice(seemsToBe))"
    ]
  }
}

/// A disk that was looked at, and for which nothing was started yet.
package enum ExaminedDisk: Sendable {
  case ready(GuestDisk, files: [FilePath])
  /// It needs a qemu-nbd.
  case foreign(ForeignImage)

  /// - Parameter keys: of encrypted images, and of other things.
  /// - Throws: `DiskError` or `MapperError`; nothing stays open but what is in the result.
  package init(
    _ source: DiskSource, options: OpenOptions, keys: [DeviceKey], reporter: any Reporter, isCancelled: () -> Bool
  ) throws {
    switch source.place {
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
      // By its name it is the same; and only then it is looked at what else it may be.
      let opened = try openDisk(at: path, format: source.format == nil ? nil : native, options: options)
      defer { opened.disk.close() }
      for warning in opened.warnings + opened.formatWarning({ "give --format \($0.format)" }) {
        reporter.warning(warning)
      }
      let disk = GuestDisk(source, readFrom: .file(path, native), format: format, size: opened.disk.size)
      self = .ready(disk, files: opened.files)
    }
  }

  /// In bytes, as the guest sees it, if that is known by now.
  package var size: UInt64? {
    switch self {
    case .ready(let disk, _): disk.size
    case .foreign: nil
    }
  }

  /// The files it is made of.
  package var files: [FilePath] {
    switch self {
    case .ready(_, let files): files
    case .foreign(let image): [image.path]
    }
  }
}
