import BlockMap
import BlockStack
import DiskImage
public import NBDSource
public import SystemPackage

/// The format of a disk image, by its qemu-img(1) name.
public enum ImageFormat: String, CaseIterable, Sendable {
  case raw, vmdk, qcow2, qcow, qed, vdi, vhdx, vpc, parallels, dmg, cloop, bochs

  /// The same format for the native reader, or nil for formats that are read through qemu-nbd.
  package var native: DiskFormat? { DiskFormat(rawValue: rawValue) }

  private static let suffixes: [(String, ImageFormat)] = [
    (".qcow2", .qcow2), (".qcow", .qcow), (".qed", .qed), (".vdi", .vdi), (".vhdx", .vhdx), (".vhd", .vpc),
  ]

  /// Guesses the format from the file name alone, ignoring case; see `DiskFormat.guess`.
  public static func guess(fromName path: FilePath) -> ImageFormat {
    if DiskFormat.guess(fromName: path) == .vmdk { return .vmdk }
    let name = String(decoding: path.bytes, as: UTF8.self).lowercased()
    return suffixes.first { name.hasSuffix($0.0) }?.1 ?? .raw
  }
}

/// One of the guest's disks, as the user names it.
public struct DiskSource: Sendable {
  /// The location of a disk.
  public enum Location: Equatable, Sendable {
    case file(FilePath)
    /// An NBD export, which is always read as raw.
    case server(NBDAddress)
  }

  public var location: Location
  /// The format, or nil to guess it from the name.
  public var format: ImageFormat?
  /// The sector size, or nil to detect it from the partition table or the image format.
  public var sectorSize: SectorSize?

  public init(_ location: Location, format: ImageFormat?) {
    self.location = location
    self.format = format
  }

  /// The name as the user gave it.
  package var name: [UInt8] {
    switch location {
    case .file(let path): path.bytes
    case .server(let address): address.bytes
    }
  }

  /// Throws if two of the disks are the same file, device or export. The appliance would take them for copies of
  /// each other, and could assemble the guest's volumes from parts of both.
  package static func checkDistinct(_ sources: [DiskSource]) throws(MapperError) {
    for (index, source) in sources.enumerated() {
      guard !sources[..<index].contains(where: { $0.location.isSame(as: source.location) }) else {
        throw .givenTwice(source.name)
      }
    }
  }
}

extension DiskSource.Location {
  fileprivate func isSame(as other: Self) -> Bool {
    switch (self, other) {
    case (.file(let one), .file(let other)): isSameFile(one, other)
    default: self == other
    }
  }
}
