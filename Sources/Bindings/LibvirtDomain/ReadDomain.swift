import SystemPackage

/// Reads the list of a domain's disks. The disks are neither opened nor changed.
/// - Parameters:
///   - name: the domain's name or UUID.
///   - uri: the libvirt to connect to; nil for libvirt's default.
/// - Throws: `DomainError` if there is no such domain, or if one of its disks is of an unsupported kind.
public func readDomain(named name: String, at uri: String?) throws(DomainError) -> Domain {
  let connection = try Connection(to: uri)
  let (text, isRunning) = try connection.domain(named: name)
  guard let tree = XMLTree(parsing: text) else { throw DomainError("domain \(name): libvirt describes it badly") }
  let disks = try tree.withRoot { (root) throws(DomainError) -> [DomainDisk] in
    var disks: [DomainDisk] = []
    for element in root?.children("devices").flatMap({ $0.children("disk") }) ?? [] {
      let target = element.children("target").first?["dev"] ?? "?"
      let reader = DiskElement(element, name: "domain \(name): disk \(target)")
      if let disk = try reader.disk(volumes: connection) { disks.append(disk) }
    }
    return disks
  }
  guard !disks.isEmpty else { throw DomainError("domain \(name): it has no disks") }
  return Domain(disks: disks, isRunning: isRunning)
}

/// A `disk` element of a domain.
private struct DiskElement {
  private let element: XMLElement
  private let source: XMLElement?
  private let name: String

  /// - Parameter name: for messages.
  init(_ element: XMLElement, name: String) {
    self.element = element
    self.name = name
    source = element.children("source").first
  }

  /// Nil for a drive without a medium.
  func disk(volumes: borrowing Connection) throws(DomainError) -> DomainDisk? {
    guard let source, let location = try location(source, volumes) else { return nil }
    // The guest sees less than the file holds, or something else, so a map of the file would not be a map of its disk.
    if !element.children("encryption").isEmpty || !source.children("encryption").isEmpty {
      throw DomainError("\(name) is encrypted by libvirt, which is not supported")
    }
    guard source.children("slices").isEmpty else {
      throw DomainError("\(name) is a slice of a file, which is not supported")
    }
    return DomainDisk(
      location: location, format: element.children("driver").first?["type"] ?? "raw",
      sectorSize: element.children("blockio").first?["logical_block_size"].flatMap { Int($0) })
  }

  private func location(_ source: XMLElement, _ volumes: borrowing Connection) throws(DomainError) -> DomainDisk
    .Location?
  {
    switch element["type"] ?? "file" {
    case "file": return source["file"].map { .file(FilePath($0)) }
    case "block": return source["dev"].map { .file(FilePath($0)) }
    case "volume":
      guard let pool = source["pool"], let volume = source["volume"] else { return nil }
      guard let path = try volumes.path(ofVolume: volume, inPool: pool) else {
        throw DomainError("\(name) is a volume that is neither a file nor a block device, which is not supported")
      }
      return .file(FilePath(String(decoding: path, as: UTF8.self)))
    case "network":
      let networkProtocol = source["protocol"] ?? "?"
      guard networkProtocol == "nbd" else {
        throw DomainError("\(name) is a network disk of the protocol \(networkProtocol), which is not supported")
      }
      return .nbd(try address(source))
    case let kind: throw DomainError("\(name) is of the type \(kind), which is not supported")
    }
  }

  /// The NBD URI; see https://github.com/NetworkBlockDevice/nbd/blob/master/doc/uri.md.
  private func address(_ source: XMLElement) throws(DomainError) -> [UInt8] {
    let hosts = source.children("host")
    guard let host = hosts.first, hosts.count == 1 else { throw DomainError("\(name) has not one host") }
    let scheme = source["tls"] == "yes" ? "nbds" : "nbd"
    let export = escaped(source["name"] ?? "")
    if let socket = host["socket"] { return Array("\(scheme)+unix:///\(export)?socket=\(escaped(socket))".utf8) }
    guard let server = host["name"], host["transport"] ?? "tcp" == "tcp" else {
      throw DomainError("\(name) is on an NBD server that is neither on TCP nor on a Unix domain socket")
    }
    let authority = server.contains(":") ? "[\(server)]" : escaped(server)
    return Array("\(scheme)://\(authority)\(host["port"].map { ":\($0)" } ?? "")/\(export)".utf8)
  }

  /// Writes everything as `%xx`, except the slash and the unreserved characters of RFC 3986.
  private func escaped(_ text: String) -> String {
    text.utf8.map { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: String(UnicodeScalar(byte))
      case _ where "-._~/".utf8.contains(byte): String(UnicodeScalar(byte))
      default: "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
      }
    }.joined()
  }
}
