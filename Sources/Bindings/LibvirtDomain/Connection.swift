import CLibXML
import CLibvirt
import Glibc

/// A connection to libvirt that may only look. See https://libvirt.org/html/libvirt-libvirt-host.html.
struct Connection: ~Copyable {
  private let connection: OpaquePointer

  /// - Parameter uri: nil for libvirt's own choice.
  init(to uri: String?) throws(DomainError) {
    // What it would print is thrown instead.
    virSetErrorFunc(nil) { _, _ in }
    // libvirt reads files with it.
    bmap_xml_be_quiet()
    let connection = uri.map { virConnectOpenReadOnly($0) } ?? virConnectOpenReadOnly(nil)
    guard let connection else { throw Self.failure("cannot connect to libvirt\(uri.map { " at \($0)" } ?? "")") }
    self.connection = connection
  }

  deinit { virConnectClose(connection) }

  /// The domain's description, and whether it runs.
  /// - Parameter name: its name or, where none has that name, its UUID.
  func domain(named name: String) throws(DomainError) -> (xml: [UInt8], isRunning: Bool) {
    guard let domain = virDomainLookupByName(connection, name) ?? uuid(name) else {
      // The error of the first call: to somebody who gave a name, the other's would say nothing.
      _ = virDomainLookupByName(connection, name)
      throw Self.failure("domain \(name)")
    }
    defer { virDomainFree(domain) }
    guard let text = virDomainGetXMLDesc(domain, 0) else { throw Self.failure("domain \(name)") }
    defer { free(text) }
    return (Array(UnsafeRawBufferPointer(start: text, count: strlen(text))), virDomainIsActive(domain) == 1)
  }

  private func uuid(_ name: String) -> OpaquePointer? { virDomainLookupByUUIDString(connection, name) }

  /// Where a volume of a storage pool is; nil for one that is neither a file nor a block device.
  func path(ofVolume volume: String, inPool pool: String) throws(DomainError) -> [UInt8]? {
    let tried = "volume \(volume) of the storage pool \(pool)"
    guard let found = virStoragePoolLookupByName(connection, pool) else { throw Self.failure(tried) }
    defer { virStoragePoolFree(found) }
    guard let volume = virStorageVolLookupByName(found, volume) else { throw Self.failure(tried) }
    defer { virStorageVolFree(volume) }
    var information = virStorageVolInfo()
    guard virStorageVolGetInfo(volume, &information) == 0, let path = virStorageVolGetPath(volume) else {
      throw Self.failure(tried)
    }
    defer { free(path) }
    let kinds = [VIR_STORAGE_VOL_FILE, VIR_STORAGE_VOL_BLOCK].map { Int64($0.rawValue) }
    guard kinds.contains(Int64(information.type)) else { return nil }
    return Array(UnsafeRawBufferPointer(start: path, count: strlen(path)))
  }

  /// What libvirt says of the last call in this thread, after what was tried.
  private static func failure(_ tried: String) -> DomainError {
    DomainError("\(tried): \(virGetLastErrorMessage().map { String(cString: $0) } ?? "unknown error")")
  }
}
