/// The encryption of an image by its own format, for which qemu-nbd needs a key. Encryption inside the guest is
/// separate: the guest's LUKS devices are opened in the appliance.
package enum ImageEncryption: String {
  /// The legacy encryption of qcow and qcow2.
  case aes
  case luks

  /// - Parameter header: the start of the image, as `ImageReferences.find` takes it.
  /// - Returns: nil if the image is not encrypted, or uses an unknown method.
  package init?(inHeader header: [UInt8]) {
    // qcow and qcow2, https://www.qemu.org/docs/master/interop/qcow2.html: magic, version, and the encryption
    // method at offset 32 in qcow2 or 36 in qcow.
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

  /// The name for messages.
  package var name: String { self == .luks ? "LUKS" : "AES" }
}
