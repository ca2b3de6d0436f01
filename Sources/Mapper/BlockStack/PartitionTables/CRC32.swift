/// A cyclic redundancy check of 32 bits.
package struct CRC32: Sendable {
  /// The checksum of GUID partition tables, the same as in zip and Ethernet.
  package static let ieee = CRC32(polynomial: 0xedb8_8320)
  /// CRC-32C, the checksum of device-mapper metadata, the same as in iSCSI.
  package static let castagnoli = CRC32(polynomial: 0x82f6_3b78)

  private let table: [UInt32]

  /// - Parameter polynomial: with its bits in reverse order.
  private init(polynomial: UInt32) {
    table = (0..<256).map { index in
      (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 0 ? value >> 1 : value >> 1 ^ polynomial }
    }
  }

  package func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
    ~bytes.reduce(~0) { value, byte in value >> 8 ^ table[Int(UInt8(truncatingIfNeeded: value) ^ byte)] }
  }
}
