public import SystemPackage

/// How a file holds a disk.
public enum DiskFormat: String, CaseIterable, Sendable {
  /// The file's bytes are the disk's.
  case raw
  /// A VMware virtual disk: a sparse file, or a descriptor that names other files.
  case vmdk

  /// The format of a file by its name alone: VMDK where it ends in `.vmdk`, in upper or lower case, otherwise raw.
  ///
  /// What is in the file is not asked. A raw disk's first sector is its guest's to write, and a guest must not be able
  /// to turn its disk into a descriptor that names files of the host.
  public static func guess(fromName path: FilePath) -> DiskFormat {
    let suffix = [UInt8](".vmdk".utf8)
    return path.withPlatformString { name in
      var end: [UInt8] = []
      var next = name
      while next.pointee != 0 {
        if end.count == suffix.count { end.removeFirst() }
        let byte = UInt8(bitPattern: next.pointee)
        end.append(byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte)
        next += 1
      }
      return end == suffix ? .vmdk : .raw
    }
  }
}
