/// How an image is encrypted by its own format, so that qemu-nbd needs its key. It is by no means what is on the disk: a
/// guest's LUKS devices are opened in the appliance.
package enum ImageEncryption: String {
  /// qcow and qcow2 of old.
  case aes
  case luks

  /// - Parameter header: as `ImageReferences.find` takes it.
  /// - Returns: nil for an image that is not encrypted, or in a way that is not known.
  package init?(inHeader header: [UInt8]) {
    // qcow and qcow2, https://www.qemu.org/docs/master/interop/qcow2.html: magic, version and, in qcow2 at 32, in qcow at 36,
    // the method.
    guard header.starts(with: [0x51, 0x46, 0x49, 0xfb]) else { return nil }
    func number(at offset: Int) -> UInt64 {
      header.count >= offset + 4 ? header[offset..<offset + 4].reduce(0) { $0 << 8 | UInt64($1) } : 0
    }
    switch number(at: number(at: 4) == 1 ? 36 : 32) {
    case 1: self = .aes
    case 2: self = .luks
    default: return nil
    }
  }

  /// For people.
  package var name: String { self == .luks ? "LUKS" : "AES" }
}
