import SystemPackage
import Testing

/// A volume of make-bitlocker-guest: where it is, and what opens it.
struct BitLockerVolume: Sendable, CustomTestStringConvertible {
  var image: String
  var disk: UInt64
  /// The name in the map.
  var device: String
  var start: UInt64 = 0
  var kind: Kind
  /// The key, or the name of its file.
  var key: String

  enum Kind { case password, recovery, startup }

  var testDescription: String { device }
  /// The name in the map once it is open.
  var opened: String { "/dev/mapper/bitlk-\(device.dropFirst(5))" }

  /// In bytes.
  static let size: UInt64 = 65_994_752
  static let all = [
    BitLockerVolume(image: "password.raw", disk: 1, device: "/dev/sda", kind: .password, key: "password12!@"),
    BitLockerVolume(
      image: "recovery.raw", disk: 2, device: "/dev/sdb1", start: 1 << 20, kind: .recovery,
      key: "284867-596541-514998-422114-660297-261613-215424-199408"),
    BitLockerVolume(image: "startup.raw", disk: 3, device: "/dev/sdc", kind: .startup, key: "startup.bek"),
  ]

  /// What dislocker says about the volume. It reads BitLocker by itself, without cryptsetup.
  struct Oracle {
    /// The parts of the volume that hold BitLocker's metadata: 64 KiB each.
    var metadata: [Range<UInt64>] = []
    /// Where the start of the filesystem is stored.
    var header: Range<UInt64> = 0..<0
  }

  func oracle() async throws -> Oracle {
    let image = try await Guests.bitLocker.value.appending(image)
    let said = try await tool("dislocker-metadata", ["-V", image, "-o", "\(start)"])
    var oracle = Oracle()
    for line in said.outputLines {
      guard let field = line.split(separator: " ").last(where: { $0.hasPrefix("0x") || $0.hasPrefix("(0x") }),
        let number = UInt64(field.drop { $0 != "x" }.dropFirst().prefix { $0.isHexDigit }, radix: 16)
      else { continue }
      let area = number..<number + 65536
      // dislocker says everything twice.
      if line.contains("metadata header offset:"), !oracle.metadata.contains(area) { oracle.metadata.append(area) }
      if line.contains("Number of boot sectors backuped:") { oracle.header = 0..<number * 512 }
      if line.contains("Boot sectors backup address:") {
        oracle.header = number..<number + oracle.header.upperBound
      }
    }
    return oracle
  }

  /// Decrypts the volume to a file.
  func decrypt(to plain: FilePath) async throws {
    let guest = try await Guests.bitLocker.value
    let option: [any Word] =
      switch kind {
      case .password: ["-u\(key)"]
      case .recovery: ["-p\(key)"]
      case .startup: ["-f", guest.appending(key)]
      }
    try await tool(
      "dislocker-file", ["-V", guest.appending(image), "-O", "\(start)"] + option + ["--", plain])
  }
}
