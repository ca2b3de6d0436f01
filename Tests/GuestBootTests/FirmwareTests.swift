import BlockMap
import BlockStack
import FoundationEssentials
import SystemPackage
import Testing

@testable import GuestBoot

/// Which firmware a disk boots with.
@Suite struct FirmwareTests {
  private func map(_ path: String, kind: String = "f") throws -> BlockMap {
    let file = "/var/tmp/bmap-firmware-\(UInt64.random(in: .min ... .max))"
    defer { try? FileManager.default.removeItem(atPath: file) }
    let text = """
      # virt-bmap 2
      # disk 1 size=100000 format=raw file=disk
      1 0 100000 v /dev/sda
      1 1000 2000 \(kind) /dev/sda1 \(path)

      """
    try Data(text.utf8).write(to: URL(filePath: file))
    return try BlockMap(contentsOf: FilePath(file))
  }

  private static let noCode = [UInt8](repeating: 0, count: 512)
  /// The beginning of the boot code of EXTLINUX.
  private static let code: [UInt8] = [0x33, 0xc0, 0xfa, 0x8e, 0xd8] + [UInt8](repeating: 0, count: 507)

  @Test(arguments: [
    ("/EFI/BOOT/BOOTX64.EFI", DiskTable.Kind.gpt, code, Firmware.uefi), ("/efi/boot/bootx64.efi", .gpt, noCode, .uefi),
    ("/EFI/BOOT/BOOTX64.EFI", .mbr, code, .bios), ("/EFI/BOOT/BOOTX64.EFI", .mbr, noCode, .uefi),
    ("/EFI/debian/grubx64.efi", .gpt, noCode, .bios), ("/EFI/BOOT/BOOTX64.EFX", .gpt, noCode, .bios),
  ])
  func guess(path: String, table: DiskTable.Kind, sector: [UInt8], expected: Firmware) throws {
    #expect(Firmware.guess(try map(path), table: DiskTable(kind: table), firstSector: sector) == expected)
  }

  @Test func aDirectoryIsNoLoader() throws {
    let map = try map("/EFI/BOOT/BOOTX64.EFI", kind: "d")
    #expect(Firmware.guess(map, table: DiskTable(kind: .gpt), firstSector: Self.noCode) == .bios)
  }
}
