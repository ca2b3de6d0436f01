import Glibc
public import SystemPackage

/// How a file holds a disk.
public enum DiskFormat: String, CaseIterable, Sendable {
  /// The file's bytes are the disk's.
  case raw
  /// A VMware virtual disk: a sparse file, or a descriptor that names other files.
  case vmdk

  /// The format of a file by its name alone, in upper or lower case: VMDK where it ends in `.vmdk`, otherwise raw. The
  /// flat extents of a VMDK are raw disks in spite of that: `-flat.vmdk`, `-f001.vmdk`, `-rdm.vmdk` and `-rdmp.vmdk` are
  /// how VMware ends their names.
  ///
  /// What is in the file is not asked. A raw disk's first sector is its guest's to write, and a guest must not be able
  /// to turn its disk into a descriptor that names files of the host.
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
