import BlockMap
import BlockStack
import DiskImage
public import NBDSource
public import SystemPackage

/// How a disk is kept, by the names that `qemu-img` has for formats.
public enum ImageFormat: String, CaseIterable, Sendable {
  case raw, vmdk, qcow2, qcow, qed, vdi, vhdx, vpc, parallels, dmg, cloop, bochs

  /// Nil for what is read through qemu-nbd.
  package var native: DiskFormat? { DiskFormat(rawValue: rawValue) }

  private static let suffixes: [(String, ImageFormat)] = [
    (".qcow2", .qcow2), (".qcow", .qcow), (".qed", .qed), (".vdi", .vdi), (".vhdx", .vhdx), (".vhd", .vpc),
  ]

  /// The format of a file by its name alone, in upper or lower case; see `DiskFormat.guess`.
  package static func guess(fromName path: FilePath) -> ImageFormat {
    if DiskFormat.guess(fromName: path) == .vmdk { return .vmdk }
    let name = String(decoding: path.bytes, as: UTF8.self).lowercased()
    return suffixes.first { name.hasSuffix($0.0) }?.1 ?? .raw
  }
}

/// One of the guest's disks, as the user names it.
public struct DiskSource: Sendable {
  /// Where it is.
  public enum Place: Equatable, Sendable {
    case file(FilePath)
    /// What an NBD server serves is raw.
    case server(NBDAddress)
  }

  public var place: Place
  /// Nil: by the name.
  public var format: ImageFormat?
  /// Nil: what its partition table or its format says.
  public var sectorSize: SectorSize?

  public init(_ place: Place, format: ImageFormat?) {
    self.place = place
    self.format = format
  }

  /// As the user gave it.
  package var name: [UInt8] {
    switch place {
    case .file(let path): path.bytes
    case .server(let address): address.bytes
    }
  }

  /// Throws if two of the disks are the same file, device or export: the appliance would take one for a copy of the
  /// other, and put the guest's volumes together of either.
  package static func checkDistinct(_ sources: [DiskSource]) throws(MapperError) {
    for (index, source) in sources.enumerated() {
      guard !sources[..<index].contains(where: { $0.place.isSame(as: source.place) }) else {
        throw .givenTwice(source.name)
      }
    }
  }
}

extension DiskSource.Place {
  fileprivate func isSame(as other: Self) -> Bool {
    switch (self, other) {
    case (.file(let one), .file(let other)): isSameFile(one, other)
    default: self == other
    }
  }
}
