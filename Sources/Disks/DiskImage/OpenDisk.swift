public import SystemPackage

/// An open disk, and what was learned by opening it.
public struct OpenedDisk: Sendable {
  public let disk: any VirtualDisk
  /// The format that the disk is read as.
  public let format: DiskFormat
  /// All files that the disk consists of, starting with the one that the user named.
  public let files: [FilePath]
  /// Problems that do not prevent reading, one line each, in the form `PATH: message`.
  public let warnings: [String]
  /// The images of a VMDK: first the one that the user named, then its parent, and so on. Empty for a raw disk.
  public let chain: [DiskLink]
  /// The format that the disk appears to have, if it is read as raw only because neither the user nor the file name
  /// says otherwise.
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
/// A raw disk may be a regular file or a block device. The other files of a VMDK, and its parents, must be regular
/// files in the same directory as the named file, after resolving symbolic links, unless `options` allow more.
/// - Parameters:
///   - path: the file of the disk or, for a VMDK that consists of several files, the descriptor.
///   - format: the format to read it as; `nil` to guess from the name, see `DiskFormat.guess(fromName:)`.
///   - options: the checks to skip.
/// - Throws: `DiskError`. All files are then closed.
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
