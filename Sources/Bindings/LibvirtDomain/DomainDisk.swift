public import SystemPackage

/// A disk of a libvirt domain; see https://libvirt.org/formatdomain.html.
public struct DomainDisk: Equatable, Sendable {
  /// Where the disk is stored.
  public enum Location: Equatable, Sendable {
    /// A file or a block device.
    case file(FilePath)
    /// The URI of an export of an NBD server.
    case nbd([UInt8])
  }

  public let location: Location
  /// libvirt's name of the format: `raw`, `qcow2`, `vmdk` … As in libvirt, it is `raw` if the domain does not say.
  public let format: String
  /// The sector size in bytes that the guest sees, or nil if the domain does not say.
  public let sectorSize: Int?

  public init(location: Location, format: String, sectorSize: Int? = nil) {
    self.location = location
    self.format = format
    self.sectorSize = sectorSize
  }
}

/// What `-d` needs to know about a domain.
public struct Domain: Sendable {
  /// In the domain's order, without drives that have no medium.
  public let disks: [DomainDisk]
  public let isRunning: Bool
}

/// Why the disks of a domain are not available. The description is one line for the user.
public struct DomainError: Error, CustomStringConvertible, Equatable, Sendable {
  public let description: String

  init(_ description: String) {
    // Names come from outside, and libvirt's messages can have several lines.
    self.description = String(String.UnicodeScalarView(description.unicodeScalars.map { $0.value < 0x20 ? " " : $0 }))
  }
}
