import SystemPackage
import Testing

/// The devices of the stacks guest: where mdadm and the kernel's device-mapper tables say that they are.
struct Stacks {
  private let guest: MappedGuest
  private let scratch: Scratch
  private let parts: [Range<UInt64>]
  /// A line of `dmsetup table`, by the name of the device, in bytes.
  private let tables: [String: [(offset: UInt64, length: UInt64, start: UInt64)]]

  private static let chunk: UInt64 = 64 << 10

  init(_ guest: MappedGuest, in scratch: Scratch) async throws {
    (self.guest, self.scratch) = (guest, scratch)
    parts = try await partitions(of: guest.disk)
    var tables: [String: [(UInt64, UInt64, UInt64)]] = [:]
    let text = try [UInt8](contentsOf: guest.disk.removingLastComponent().appending("tables")).text
    for line in text.split(separator: "\n") {
      let match = try #require(
        line.firstMatch(of: /^(\S+): (\d+) (\d+) (?:linear|crypt aes-xts-plain64 0+ 0) \d+:\d+ (\d+)$/))
      let numbers = [match.2, match.3, match.4].compactMap { UInt64($0) }.map { $0 * 512 }
      tables[String(match.1), default: []].append((numbers[0], numbers[1], numbers[2]))
    }
    self.tables = tables
  }

  /// The device of a filesystem with the file `/is-NAME`, and its bytes.
  func volume(_ name: String) async throws -> StoredVolume {
    let mark = try #require(guest.map.lines.first { $0.path == Array("/is-\(name)".utf8) }, "\(name)")
    let copies = try await copies(of: name)
    let image =
      if let number = ["luks-xfs": 7, "luks-btrfs": 8, "luks-ntfs": 9][name] {
        try await decrypted(number)
      } else {
        try StoredVolume.image(of: copies[0], on: guest.disk, as: name, in: scratch)
      }
    return StoredVolume(device: mark.device.text, image: image, copies: copies)
  }

  private func copies(of name: String) async throws -> [[StoredVolume.Piece]] {
    switch name {
    case "md-btrfs":
      return try await [0, 1].asyncMap { number in
        let start = try await dataStart(ofMember: parts[number], on: guest.disk, in: scratch)
        return [StoredVolume.Piece(offset: 0, diskOffset: start, length: parts[number].upperBound - start)]
      }
    case "md-ntfs":
      let starts = try await parts[2...4].map { $0 }.asyncMap {
        try await dataStart(ofMember: $0, on: guest.disk, in: scratch)
      }
      return near(starts, length: parts[2].upperBound - starts[0])
    case "lvm-btrfs": return try [pieces(of: "vg-btrfs", on: parts[5])]
    case "lvm-ntfs": return try [pieces(of: "vg-ntfs", on: parts[5])]
    case "luks-xfs": return try [pieces(of: name, on: parts[6])]
    case "luks-btrfs": return try [pieces(of: name, on: parts[7])]
    default: return try [pieces(of: name, on: parts[8])]
    }
  }

  private func pieces(of name: String, on part: Range<UInt64>) throws -> [StoredVolume.Piece] {
    try #require(tables[name]).map { line in
      StoredVolume.Piece(offset: line.offset, diskOffset: part.lowerBound + line.start, length: line.length)
    }
  }

  /// RAID 10 in the near layout with two copies: the copies of a chunk are beside each other, and a row has a chunk of
  /// each member.
  private func near(_ starts: [UInt64], length: UInt64) -> [[StoredVolume.Piece]] {
    let members = UInt64(starts.count)
    let chunks = length / Self.chunk * members / 2
    return ([0, 1] as [UInt64]).map { copy in
      (0..<chunks).map { number in
        let (row, member) = (2 * number + copy).quotientAndRemainder(dividingBy: members)
        return StoredVolume.Piece(
          offset: number * Self.chunk, diskOffset: starts[Int(member)] + row * Self.chunk, length: Self.chunk)
      }
    }
  }

  /// The plain bytes of a partition, from nbdkit.
  private func decrypted(_ number: Int) async throws -> FilePath {
    let plain = scratch("plain-\(number)")
    try await tool(
      "nbdkit",
      [
        "-r", "--filter=luks", "--filter=partition", "file", guest.disk, "partition=\(number)",
        "passphrase=stacks key", "--run", "nbdcopy \"$uri\" \(plain)",
      ])
    return plain
  }
}
