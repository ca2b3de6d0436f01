import SystemPackage

/// A VHDX as a host that lost power leaves it: its log has one entry that still has to be replayed.
///
/// The fields are described in Microsoft's "Virtual Hard Disk v2 (VHDX) File Format", sections "Headers" and "Log".
struct VHDXLog {
  private var bytes: [UInt8]

  /// - Parameter path: an image with an empty log, as qemu-img makes it; it is modified.
  static func add(to path: FilePath) throws {
    var log = VHDXLog(bytes: try [UInt8](contentsOf: path))
    log.add()
    try log.bytes.write(to: path)
  }

  private mutating func add() {
    let header = number(65_536 + 8, 8) > number(131_072 + 8, 8) ? 65_536 : 131_072
    let guid = (1...16).map { UInt8($0) }
    bytes.replaceSubrange(header + 48..<header + 64, with: guid)
    sign(header..<header + 4096)
    let log = number(header + 72, 8)
    let size = bytes.count
    // One descriptor, which rewrites the first 4 KiB of the file with the same data.
    bytes.replaceSubrange(log..<log + 8192, with: repeatElement(0, count: 8192))
    bytes.replaceSubrange(log..<log + 4, with: "loge".utf8)
    set(log + 8, 4, 8192)
    set(log + 16, 8, 1)
    set(log + 24, 4, 1)
    bytes.replaceSubrange(log + 32..<log + 48, with: guid)
    set(log + 48, 8, size)
    set(log + 56, 8, size)
    bytes.replaceSubrange(log + 64..<log + 68, with: "desc".utf8)
    bytes.replaceSubrange(log + 68..<log + 72, with: bytes[4092..<4096])
    bytes.replaceSubrange(log + 72..<log + 80, with: bytes[0..<8])
    set(log + 88, 8, 1)
    bytes.replaceSubrange(log + 4096..<log + 4100, with: "data".utf8)
    bytes.replaceSubrange(log + 4104..<log + 8188, with: bytes[8..<4092])
    set(log + 8188, 4, 1)
    sign(log..<log + 8192)
  }

  private func number(_ offset: Int, _ width: Int) -> Int {
    bytes[offset..<offset + width].reversed().reduce(0) { $0 << 8 | Int($1) }
  }

  private mutating func set(_ offset: Int, _ width: Int, _ value: Int) {
    for index in 0..<width { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (index * 8)) }
  }

  /// Sets the checksum (CRC-32C) of a structure, which comes after the four letters of its signature.
  private mutating func sign(_ range: Range<Int>) {
    set(range.lowerBound + 4, 4, 0)
    var sum = UInt32.max
    for byte in bytes[range] {
      sum ^= UInt32(byte)
      for _ in 0..<8 { sum = sum >> 1 ^ (sum & 1 == 0 ? 0 : 0x82f6_3b78) }
    }
    set(range.lowerBound + 4, 4, Int(sum ^ UInt32.max))
  }
}
