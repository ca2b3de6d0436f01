import BlockMap
import BlockStack
import Glibc
import SystemPackage

/// What starts the guest's boot loader.
package enum Firmware: String, CaseIterable, Sendable {
  case bios, uefi

  /// The firmware that a disk can boot with: BIOS, unless the map has a boot loader for UEFI and the disk either has a
  /// GPT or no boot code in its first sector. A GPT's first sector can have boot code that does not find a system.
  /// - Parameters:
  ///   - table: the partition table of the first disk.
  ///   - firstSector: the first 512 bytes of the first disk.
  package static func guess(_ map: BlockMap, table: DiskTable, firstSector: [UInt8]) -> Firmware {
    guard hasLoader(map) else { return .bios }
    return table.kind == .gpt || !hasBootCode(firstSector) ? .uefi : .bios
  }

  /// In front of the disk signature and the partition table of an MBR.
  private static let codeBytes = 440

  private static func hasBootCode(_ sector: [UInt8]) -> Bool { sector.prefix(codeBytes).contains { $0 != 0 } }

  /// The boot loader that UEFI starts from a disk it has not seen before. On FAT, case does not matter.
  private static func hasLoader(_ map: BlockMap) -> Bool {
    let loader = Array("/efi/boot/bootx64.efi".utf8)
    return map.objects.ids.contains { id in
      map.objects.kind(of: id) == .file
        && map.objects.withPath(of: id) { path in
          guard let path, path.count == loader.count else { return false }
          return zip(path, loader).allSatisfy { (0x41...0x5a ~= $0 ? $0 | 0x20 : $0) == $1 }
        }
    }
  }
}

/// The files of OVMF, a UEFI for qemu: its code, and the variables that a new machine has.
package struct UEFIFiles: Sendable {
  package let code: FilePath
  package let variables: FilePath

  /// Where distributions install them: Debian and Ubuntu, Fedora, Arch.
  private static let candidates: [(code: FilePath, variables: FilePath)] = [
    ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
    ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
    ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
    ("/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"),
  ]

  /// Finds the files, and copies the variables, which the guest may change.
  /// - Parameter directory: where to.
  package init(copiedTo directory: FilePath) throws {
    guard
      let found = Self.candidates.first(where: { files in
        [files.code, files.variables].allSatisfy { $0.withPlatformString { access($0, R_OK) == 0 } }
      })
    else {
      throw GuestBootError.missing(
        "this guest boots with UEFI, and there is no \(Self.candidates[0].code): install OVMF (Debian: ovmf), or give "
          + "--firmware bios")
    }
    code = found.code
    variables = directory.appending("uefi-variables")
    try Self.copy(found.variables, to: variables)
  }

  /// They have less than a megabyte.
  private static let mostBytes = 16 << 20

  private static func copy(_ source: FilePath, to target: FilePath) throws {
    let input = try FileDescriptor.open(source, .readOnly, options: [.closeOnExec])
    defer { try? input.close() }
    var bytes = [UInt8](repeating: 0, count: mostBytes)
    let count = try bytes.withUnsafeMutableBytes { try input.read(fromAbsoluteOffset: 0, into: $0) }
    let output = try FileDescriptor.open(
      target, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec], permissions: .ownerReadWrite)
    try output.closeAfter { _ = try output.writeAll(bytes[..<count]) }
  }
}
