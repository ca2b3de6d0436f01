public import SystemPackage

/// A disk that was opened, and what is known of it from opening it.
public struct OpenedDisk: Sendable {
  public let disk: any VirtualDisk
  /// The format it was read as.
  public let format: DiskFormat
  /// Every file that holds a part of the disk, the one that was named first.
  public let files: [FilePath]
  /// What is odd but does not prevent reading, one line each, in the form `PATH: message`.
  public let warnings: [String]
  /// A VMDK's images, the one that was named first, its parent next; empty for a raw disk.
  public let chain: [DiskLink]
  /// What a disk seems to be that is read as a raw one, since its name says no format and the user gave none.
  public let seemsToBe: ImageMagic?

  init(
    disk: any VirtualDisk, format: DiskFormat, files: [FilePath], warnings: [String] = [], chain: [DiskLink] = [],
    seemsToBe: ImageMagic? = nil
  ) {
    self.disk = disk
    self.format = format
    self.files = files
    self.warnings = warnings
    self.chain = chain
    self.seemsToBe = seemsToBe
  }
}

/// Opens a disk for reading.
///
/// Raw disks may be regular files or block devices. A VMDK's other files and its parents must be regular files in the same
/// directory as the one that is named, after resolving symbolic links, unless `options` allow more.
/// - Parameters:
///   - path: the disk's file or, for a VMDK of several files, its descriptor.
///   - format: the format to read it as; nil to tell it from the name, see `DiskFormat.guess(fromName:)`.
///   - options: what to open it in spite of.
/// - Throws: `DiskError`; no file stays open.
public func openDisk(at path: FilePath, format: DiskFormat? = nil, options: OpenOptions = OpenOptions())
  throws(DiskError)
  -> OpenedDisk
{
  let file = try HostFile.open(path)
  switch format ?? DiskFormat.guess(fromName: path) {
  case .raw:
    return OpenedDisk(
      disk: FlatDisk(file: file), format: .raw, files: [path], seemsToBe: format == nil ? ImageMagic(of: file) : nil)
  case .vmdk:
    return try openVMDK(file, options: options)
  }
}
