public import SystemPackage

/// A disk as a domain of libvirt has it; see https://libvirt.org/formatdomain.html.
public struct DomainDisk: Equatable, Sendable {
  /// Where it is.
  public enum Place: Equatable, Sendable {
    /// A file or a block device.
    case file(FilePath)
    /// An export of an NBD server, as a URI.
    case nbd([UInt8])
  }

  public let place: Place
  /// As libvirt names formats: `raw`, `qcow2`, `vmdk` … It is `raw` where the domain does not say, as it is for libvirt.
  public let format: String
  /// The bytes of a sector that the guest sees; nil where the domain does not say.
  public let sectorSize: Int?

  public init(place: Place, format: String, sectorSize: Int? = nil) {
    self.place = place
    self.format = format
    self.sectorSize = sectorSize
  }
}

/// What `-d` needs to know of a domain.
public struct Domain: Sendable {
  /// In the domain's order, without drives that have no medium.
  public let disks: [DomainDisk]
  public let isRunning: Bool
}

/// Why a domain's disks cannot be had; its description is one line for the user.
public struct DomainError: Error, CustomStringConvertible, Equatable, Sendable {
  public let description: String

  init(_ description: String) {
    // Names come from outside, and libvirt's messages have several lines at times.
    self.description = String(String.UnicodeScalarView(description.unicodeScalars.map { $0.value < 0x20 ? " " : $0 }))
  }
}
