import FoundationEssentials
import Glibc
import LibvirtDomain
import SystemPackage
import Testing

/// Reads domains from libvirt's test driver, which takes them from a file.
@Suite final class DomainTests {
  private let directory: String

  init() throws {
    var template = Array("/var/tmp/domain-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Errno(rawValue: errno) }
    directory = template.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
  }

  deinit { try? FileManager.default.removeItem(atPath: directory) }

  private static let uuid = "4a64cc71-19c4-2fd0-2323-3050941ea3c3"

  /// Writes a node description with one domain that has these disks, and returns its URI.
  private func node(_ disks: String, state: Int = 5, more: String = "") throws -> String {
    let path = "\(directory)/node.xml"
    let text = """
      <node>
        <domain type="test" xmlns:test="http://libvirt.org/schemas/domain/test/1.0">
          <name>guest</name><uuid>\(Self.uuid)</uuid><memory>1024</memory><os><type>hvm</type></os>
          <metadata/>
          <devices>\(disks)</devices>
          <test:runstate>\(state)</test:runstate>
        </domain>
        \(more)
      </node>
      """
    try Data(text.utf8).write(to: URL(filePath: path))
    return "test://\(path)"
  }

  private func disks(_ xml: String, more: String = "") throws -> [DomainDisk] {
    try readDomain(named: "guest", at: try node(xml, more: more)).disks
  }

  private func failure(_ xml: String) throws -> String {
    try #require(throws: DomainError.self) { try disks(xml) }.description
  }

  @Test func sectorSizes() throws {
    let found = try disks(
      """
      <disk type='file'><source file='/a'/><blockio logical_block_size='4096'/><target dev='sda' bus='scsi'/></disk>
      <disk type='file'><source file='/b'/><target dev='sdb' bus='scsi'/></disk>
      """)
    #expect(found.map(\.sectorSize) == [4096, nil])
  }

  @Test func inTheDomainsOrder() throws {
    let found = try disks(
      """
      <disk type='file' device='disk'>
        <driver name='qemu' type='qcow2'/><source file='/images/a b&amp;é.qcow2'/><target dev='vda' bus='virtio'/>
      </disk>
      <disk type='block'><driver name='qemu' type='raw'/><source dev='/dev/vg/lv'/><target dev='vdb' bus='virtio'/></disk>
      <disk type='file' device='cdrom'><target dev='hdc' bus='ide'/><readonly/></disk>
      <disk type='file' device='floppy'><target dev='fda' bus='fdc'/></disk>
      <disk type='file'><driver name='qemu' type='vmdk'/><source file='/images/c.vmdk'/><target dev='vdc' bus='virtio'/></disk>
      <disk type='file' device='cdrom'><source file='/images/install.iso'/><target dev='hdd' bus='ide'/><readonly/></disk>
      """)
    #expect(
      Set(found.map { "\($0.location) \($0.format)" })
        == Set(
          [
            DomainDisk.file("/images/a b&é.qcow2", "qcow2"), .file("/dev/vg/lv", "raw"),
            .file("/images/c.vmdk", "vmdk"), .file("/images/install.iso", "raw"),
          ].map { "\($0.location) \($0.format)" }))
    #expect(found.first == .file("/images/a b&é.qcow2", "qcow2"))
  }

  @Test func networkDisks() throws {
    let found = try disks(
      """
      <disk type='network'><driver name='qemu' type='raw'/>
        <source protocol='nbd' name='an export/é'><host name='example.org' port='10810'/></source>
        <target dev='vda' bus='virtio'/></disk>
      <disk type='network'><driver name='qemu' type='raw'/>
        <source protocol='nbd'><host name='::1' port='10809'/></source><target dev='vdb' bus='virtio'/></disk>
      <disk type='network'><driver name='qemu' type='raw'/>
        <source protocol='nbd' name='x'><host transport='unix' socket='/run/a socket'/></source>
        <target dev='vdc' bus='virtio'/></disk>
      """)
    let uris = found.map { disk in
      if case .nbd(let uri) = disk.location { String(decoding: uri, as: UTF8.self) } else { "" }
    }
    #expect(
      uris == [
        "nbd://example.org:10810/an%20export/%C3%A9", "nbd://[::1]:10809/", "nbd+unix:///x?socket=/run/a%20socket",
      ])
    #expect(found.allSatisfy { $0.format == "raw" })
  }

  @Test func byUUIDAndWhetherItRuns() throws {
    let disk = "<disk type='file'><source file='/a'/><target dev='vda' bus='virtio'/></disk>"
    let stopped = try readDomain(named: Self.uuid, at: try node(disk))
    #expect(stopped.disks == [.file("/a", "raw")] && !stopped.isRunning)
    #expect(try readDomain(named: "guest", at: try node(disk, state: 1)).isRunning)
  }

  @Test func volumes() throws {
    let pool = """
      <pool type='dir'><name>images</name><uuid>dfe224cb-28fb-8dd0-c4b2-64eb3f0f4566</uuid><target><path>/images</path></target>
        <volume type='file'><name>one.img</name><capacity>1048576</capacity><target><path>/images/one.img</path></target></volume>
      </pool>
      """
    let disk = "<disk type='volume'><source pool='images' volume='one.img'/><target dev='vda' bus='virtio'/></disk>"
    #expect(try disks(disk, more: pool) == [.file("/images/one.img", "raw")])
    #expect(try failure(disk).contains("images"))
  }

  @Test(arguments: [
    ("<disk type='dir' device='floppy'><source dir='/d'/><target dev='fda'/></disk>", "fda is of the type dir"),
    (
      """
      <disk type='network'><source protocol='rbd' name='p/i'><host name='h'/></source><target dev='vda'/></disk>
      """, "vda is a network disk of the protocol rbd"
    ),
    (
      """
      <disk type='file'><source file='/a'><encryption format='luks'><secret type='passphrase' \
      uuid='0a81f5b2-8403-7b23-c8d6-21ccc2f80d6f'/></encryption></source><target dev='vda'/></disk>
      """, "vda is encrypted"
    ),
    ("", "domain guest: it has no disks"),
    ("<disk type='file' device='cdrom'><target dev='hdc'/></disk>", "domain guest: it has no disks"),
  ])
  func whatCannotBeRead(xml: String, words: String) throws {
    let said = try failure(xml)
    #expect(said.contains(words) && said.hasPrefix("domain guest: ") && !said.contains("\n"), "\(said)")
  }

  @Test func noSuchDomain() throws {
    let uri = try node("")
    let error = try #require(throws: DomainError.self) { try readDomain(named: "another", at: uri) }
    #expect(error.description.hasPrefix("domain another: Domain not found"), "\(error)")
    let nowhere = try #require(throws: DomainError.self) {
      try readDomain(named: "guest", at: "test:///no/such/node.xml")
    }
    #expect(nowhere.description.hasPrefix("cannot connect to libvirt at test:///no/such/node.xml: "), "\(nowhere)")
    #expect(!nowhere.description.contains("\n"))
  }
}

extension DomainDisk {
  fileprivate static func file(_ path: String, _ format: String) -> DomainDisk {
    DomainDisk(location: .file(FilePath(path)), format: format)
  }
}
