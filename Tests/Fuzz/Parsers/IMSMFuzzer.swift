@testable import BlockStack

extension ParserFuzzer {
  /// Metadata of Intel's firmware RAID. The first byte says whether its checksum is made right, so that the code after
  /// that check is reached.
  static let imsm = ParserFuzzer("imsm") { input in
    guard let first = input.first else { return }
    var bytes = Array(input.dropFirst())
    if first & 1 != 0, let size = IMSMMetadata.size(from: bytes), bytes.count >= size {
      bytes.replaceSubrange(32..<36, with: [0, 0, 0, 0])
      let words = stride(from: 0, to: Int(bytes.little(at: 36, width: 4)) / 4 * 4, by: 4)
      let sum = words.reduce(UInt64(0)) { $0 &+ bytes.little(at: $1, width: 4) }
      for index in 0..<4 { bytes[32 + index] = UInt8(truncatingIfNeeded: sum >> (8 * UInt64(index))) }
    }
    guard let metadata = IMSMMetadata(bytes) else { return }
    for volume in metadata.volumes {
      try check(volume.size > 0 && volume.chunk > 0 && volume.name.count <= 16, "\(volume)")
      for found in [0, 1, metadata.ports.count, metadata.ports.count + 1] {
        let members = metadata.members(of: volume, found: found) ?? []
        let disks = members.compactMap { $0 }
        try check(disks.allSatisfy { (0..<found).contains($0) } && Set(disks).count == disks.count, "\(members)")
      }
    }
  }
}
