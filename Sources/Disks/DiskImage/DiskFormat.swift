import Glibc
public import SystemPackage

/// The format of a disk image.
public enum DiskFormat: String, CaseIterable, Sendable {
  /// The bytes of the file are the bytes of the disk.
  case raw
  /// A VMware virtual disk: either a sparse file, or a descriptor that names other files.
  case vmdk

  /// Guesses the format from the file name alone, ignoring case: VMDK if the name ends in `.vmdk`, otherwise raw. The
  /// flat extents of a VMDK are raw disks although their names end in `.vmdk`: VMware names them `-flat.vmdk`,
  /// `-f001.vmdk`, `-rdm.vmdk` and `-rdmp.vmdk`.
  ///
  /// The contents of the file do not matter. A guest can write to the first sector of a raw disk, and it must not be
  /// able to turn its disk into a descriptor that names files of the host.
  public static func guess(fromName path: FilePath) -> DiskFormat {
    let name = lowercased(
      path.withPlatformString { UnsafeBufferPointer(start: $0, count: strlen($0)).map(UInt8.init(bitPattern:)) })
    guard name.hasSuffix(".vmdk") else { return .raw }
    let stem = name.dropLast(".vmdk".utf8.count)
    if ["-flat", "-rdm", "-rdmp"].contains(where: stem.hasSuffix) { return .raw }
    return stem.dropLast(3).hasSuffix("-f") && stem.suffix(3).allSatisfy(isDigit) ? .raw : .vmdk
  }
}

private func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

extension BidirectionalCollection<UInt8> {
  fileprivate func hasSuffix(_ text: StaticString) -> Bool {
    text.withUTF8Buffer { suffix(text.utf8CodeUnitCount).elementsEqual($0) }
  }
}
