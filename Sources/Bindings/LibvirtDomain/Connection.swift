import CLibXML
import CLibvirt
import Glibc

/// A read-only connection to libvirt. See https://libvirt.org/html/libvirt-libvirt-host.html.
struct Connection: ~Copyable {
  private let connection: OpaquePointer

  /// - Parameter uri: nil for libvirt's default.
  init(to uri: String?) throws(DomainError) {
    // libvirt would print its errors. They are thrown instead.
    virSetErrorFunc(nil) { _, _ in }
    // libvirt parses files with libxml2, which would print errors too.
    bmap_xml_be_quiet()
    let connection = uri.map { virConnectOpenReadOnly($0) } ?? virConnectOpenReadOnly(nil)
    guard let connection else { throw Self.failure("cannot connect to libvirt\(uri.map { " at \($0)" } ?? "")") }
    self.connection = connection
  }

  deinit { virConnectClose(connection) }

  /// Returns the domain's XML description, and whether it is running.
  /// - Parameter name: the domain's name or, if no domain has that name, its UUID.
  func domain(named name: String) throws(DomainError) -> (xml: [UInt8], isRunning: Bool) {
    guard let domain = virDomainLookupByName(connection, name) ?? uuid(name) else {
      // Repeat the first call for its error message: the error about the UUID would not help a user who gave a name.
      _ = virDomainLookupByName(connection, name)
      throw Self.failure("domain \(name)")
    }
    defer { virDomainFree(domain) }
    guard let text = virDomainGetXMLDesc(domain, 0) else { throw Self.failure("domain \(name)") }
    defer { free(text) }
    return (Array(UnsafeRawBufferPointer(start: text, count: strlen(text))), virDomainIsActive(domain) == 1)
  }

  private func uuid(_ name: String) -> OpaquePointer? { virDomainLookupByUUIDString(connection, name) }

  /// The path of a volume in a storage pool, or nil if the volume is neither a file nor a block device.
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

  /// The error of this thread's last libvirt call, prefixed with what was tried.
  private static func failure(_ tried: String) -> DomainError {
    DomainError("\(tried): \(virGetLastErrorMessage().map { String(cString: $0) } ?? "unknown error")")
  }
}
