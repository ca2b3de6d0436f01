import BlockStack
import Bytes

/// SquashFS and cramfs. Their files are compressed and may share blocks.
struct SquashFS: FilesystemType {
  let names: [Substring] = ["squashfs", "cramfs"]
  let evidence = FileEvidence.compression
  let isCompressed = true

  private static let magic: [UInt8] = Array("hsqs".utf8)
  private static let superblockBytes: UInt64 = 96
  /// mksquashfs(1) pads its images to multiples of this.
  private static let paddingBytes: UInt64 = 4096

  /// The tables follow the data. The superblock says where the inode table and the directory table start, and where the
  /// filesystem ends. Of the other tables it says only where their indices are, which come after their blocks. (Kernel
  /// documentation, "Squashfs 4.0 Filesystem"; struct squashfs_super_block.)
  func areas(on device: some DeviceBytes, known: [DeviceArea]) throws -> [DeviceArea] {
    guard device.size >= Self.superblockBytes else { return [] }
    let header = try device.bytes(at: 0, count: Int(Self.superblockBytes))
    // cramfs has another magic.
    guard header.has(Self.magic, at: 0) else { return [] }
    let end = header.little(at: 40, width: 8)
    let (inodes, directories) = (header.little(at: 64, width: 8), header.little(at: 72, width: 8))
    var areas: [DeviceArea] = []
    areas.add("superblock", at: 0, count: Self.superblockBytes)
    guard Self.superblockBytes <= inodes, inodes <= directories, directories <= end, end <= device.size else {
      return areas
    }
    areas.add("inode table", at: inodes, count: directories - inodes)
    areas.add("directory and other tables", at: directories, count: end - directories)
    // The end is padded, and the kernel reads whole blocks.
    let padded = min((end + Self.paddingBytes - 1) / Self.paddingBytes * Self.paddingBytes, device.size)
    areas.add("padding", at: end, count: padded - end)
    areas.addSpace(behind: padded, on: device)
    return areas
  }
}
