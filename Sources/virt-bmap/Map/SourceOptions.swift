import Appliance
import ArgumentParser
import BlockMap
import BlockStack
import LibvirtDomain
import NBDSource

/// The disks to map: those on the command line, or those of a domain.
struct SourceOptions: ParsableArguments {
  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      """
      Format of the disks: \(ImageFormat.allCases.map(\.rawValue).joined(separator: ", ")). The default is given by the \
      end of each name, such as .vmdk or .qcow2, otherwise raw.
      """, valueName: "format"))
  var format: ImageFormat?

  @Option(
    help: ArgumentHelp(
      "Logical sector size of the disks, 512 or 4096. The default is detected from each partition table.",
      valueName: "bytes"))
  var sectorSize: SectorSize?

  @Option(name: .shortAndLong, help: "Use the disks of this libvirt domain.")
  var domain: String?

  @Option(
    name: .shortAndLong, help: ArgumentHelp("Connect to libvirt at this URI.", valueName: "uri"))
  var connect: String?

  /// The disks to map; empty if the command line names none.
  /// - Parameter disks: the arguments.
  func sources(_ disks: [String], reporter: TerminalReporter) throws -> [DiskSource] {
    try sourcesByDefault(disks, reporter: reporter).map { source in
      var source = source
      if let sectorSize { source.sectorSize = sectorSize }
      return source
    }
  }

  private func sourcesByDefault(_ disks: [String], reporter: TerminalReporter) throws -> [DiskSource] {
    guard let domain else {
      guard connect == nil else { throw ValidationError("-c goes with -d") }
      return disks.map { DiskSource(location($0), format: format) }
    }
    guard disks.isEmpty else { throw ValidationError("give disks or a domain (-d), not both") }
    guard format == nil else { throw ValidationError("-f does not go with -d: the domain says what its disks are") }
    let name = text(domain)
    let found = try readDomain(named: name, at: connect.map(text))
    if found.isRunning {
      reporter.warning("domain \(printed(domain)) is running: what it writes meanwhile can make the map wrong")
    }
    return try found.disks.map { disk in
      guard let format = ImageFormat(libvirtName: disk.format) else {
        throw MapperError.source(
          Array("domain \(name)".utf8), "a disk's format is \(disk.format), which is not supported")
      }
      var source: DiskSource
      switch disk.location {
      case .file(let path): source = DiskSource(.file(path), format: format)
      case .nbd(let uri):
        guard let address = NBDAddress(uri) else { throw MapperError.source(uri, "not an NBD URI") }
        source = DiskSource(.server(address), format: format)
      }
      source.sectorSize = disk.sectorSize.flatMap { SectorSize(rawValue: $0) }
      return source
    }
  }

  private func location(_ argument: String) -> DiskSource.Location {
    NBDAddress(ArgumentBytes.decode(argument)).map { .server($0) } ?? .file(filePath(argument))
  }

  private func text(_ argument: String) -> String { String(decoding: ArgumentBytes.decode(argument), as: UTF8.self) }

  private func printed(_ argument: String) -> String { Escaping.text(ArgumentBytes.decode(argument), as: .path) }
}

extension SectorSize: ExpressibleByArgument {}

extension ImageFormat: ExpressibleByArgument {
  /// Empty: a list of so many formats would make an error several lines long.
  public static var allValueStrings: [String] { [] }

  /// See "driver" in https://libvirt.org/formatdomain.html; most names are the same.
  init?(libvirtName name: String) {
    switch name {
    case "iso": self = .raw
    case "ploop": self = .parallels
    case "vhd": self = .vpc
    default: self.init(rawValue: name)
    }
  }
}
