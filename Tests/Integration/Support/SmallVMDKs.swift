import FoundationEssentials
import Glibc
import SystemPackage

/// Small VMDKs, made by qemu-img or written directly.
struct SmallVMDKs {
  let scratch: Scratch

  /// A raw disk of 8 MiB with data at 1 MiB and at 5 MiB, 1 MiB each.
  func raw() throws -> FilePath {
    let path = try scratch.makeHole("disk.raw", size: 8 << 20)
    try overwrite(path, at: 1 << 20, with: [UInt8](repeating: 1, count: 1 << 20))
    try overwrite(path, at: 5 << 20, with: [UInt8](repeating: 2, count: 1 << 20))
    return path
  }

  /// The raw disk, converted to a VMDK of this subformat.
  func converted(_ kind: String) async throws -> FilePath {
    let (source, target) = (try raw(), scratch("disk.vmdk"))
    try await tool("qemu-img", ["convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=\(kind)", source, target])
    return target
  }

  /// A base of 8 MiB with 1 MiB of data at 1 MiB, a snapshot of it with 128 KiB of data, and an empty snapshot of
  /// that. Each file is in its own directory, and each parent is named relative to its snapshot.
  func chain(in directories: [String] = ["", "", ""]) async throws -> [FilePath] {
    for directory in Set(directories) where !directory.isEmpty { try scratch.makeDirectory(directory) }
    let paths = zip(directories, ["base.vmdk", "middle.vmdk", "top.vmdk"]).map { FilePath($0).appending($1) }
    let up = { (path: FilePath) in path.components.count > 1 ? "../" : "" }
    let create = ["create", "-q", "-f", "vmdk"]
    try await tool("qemu-img", create + [paths[0].string, "8M"], in: scratch.path)
    try await write("write -P 1 1M 1M", to: paths[0])
    try await tool(
      "qemu-img", create + ["-F", "vmdk", "-b", up(paths[1]) + paths[0].string, paths[1].string], in: scratch.path)
    try await write("write -P 2 1M 128k", to: paths[1])
    try await tool(
      "qemu-img", create + ["-F", "vmdk", "-b", up(paths[2]) + paths[1].string, paths[2].string], in: scratch.path)
    return paths.map { scratch.path.appending($0.components) }
  }

  /// Runs a qemu-io command.
  func write(_ command: String, to disk: FilePath) async throws {
    try await tool("qemu-io", ["-f", "vmdk", "-c", command, disk], in: scratch.path)
  }

  /// Changes the content ID in an embedded descriptor, as writing to the disk does.
  func changeCID(of disk: FilePath) throws {
    let bytes = try [UInt8](contentsOf: disk)
    guard let range = Data(bytes).range(of: Data("\nCID=".utf8)) else { throw TestFailure("\(disk): no CID") }
    let last = bytes[range.upperBound...].prefix { $0 != 0x0a }.endIndex - 1
    try overwrite(disk, at: UInt64(last), with: [bytes[last] == 0x31 ? 0x32 : 0x31])
  }

  /// An seSparse disk of 16 MiB with an allocated grain, a zero grain and an unmapped grain.
  func seSparse(replaysJournal: Bool) throws -> FilePath {
    var file = [UInt8](repeating: 0, count: 81 * 512)
    func put(_ numbers: [UInt64], at offset: Int) {
      file.replaceSubrange(offset..<offset + numbers.count * 8, with: littleEndian(numbers))
    }
    put([0xcafe_babe, 0x0000_0002_0000_0001, 32768, 8, 64, 0], at: 0)
    // The volatile header, the journal's header, the journal, directory, tables, bitmap, backmap and grains.
    put([1, 1, 2, 2, 4, 2, 6, 1, 7, 64, 71, 1, 72, 1, 73, 8], at: 80)
    put([0xcafe_cafe, 0, 0, replaysJournal ? 1 : 0], at: 512)
    put([1 << 60], at: 6 * 512)
    put([3 << 60, 2 << 60, 1 << 60], at: 7 * 512)
    file.replaceSubrange(73 * 512..<81 * 512, with: [UInt8](repeating: 9, count: 4096))
    try scratch.write(file, to: "disk-sesparse.vmdk")
    return try writeDescriptor("disk", sectors: 32768)
  }

  private func writeDescriptor(_ name: String, sectors: UInt64) throws -> FilePath {
    try scratch.write(
      """
      # Disk DescriptorFile
      version=1
      CID=0000000a
      parentCID=ffffffff
      createType="seSparse"
      RW \(sectors) SESPARSE "\(name)-sesparse.vmdk"

      """, to: "\(name).vmdk")
  }

  private func littleEndian(_ numbers: [UInt64]) -> [UInt8] {
    numbers.flatMap { number in withUnsafeBytes(of: number.littleEndian) { Array($0) } }
  }

  /// An seSparse disk with empty grain tables for the first `tables` times 16 MiB. The file is nearly all hole.
  func largeSESparse(size: UInt64, tables: UInt64) throws -> FilePath {
    let all = size >> 24
    let (directory, first) = (UInt64(16), 16 + (all + 63) / 64)
    let last = first + all * 64
    let file = try scratch.makeHole("large-sesparse.vmdk", size: Int((last + 24) * 512))
    try overwrite(
      file, at: 0,
      with: littleEndian([
        0xcafe_babe, 0x0000_0002_0000_0001, size / 512, 8, 64, 0, 0, 0, 0, 0, 1, 1, 2, 2, 4, 8, directory,
        first - directory, first, all * 64, last, 8, last + 8, 8, last + 16, size / 512,
      ]))
    try overwrite(file, at: 512, with: littleEndian([0xcafe_cafe, 0, 0, 0]))
    try overwrite(file, at: directory * 512, with: littleEndian((0..<tables).map { 1 << 60 | $0 }))
    return try writeDescriptor("large", sectors: size / 512)
  }

  func overwrite(_ file: FilePath, at offset: UInt64, with bytes: [UInt8]) throws {
    let descriptor = try FileDescriptor.open(file, .writeOnly)
    try descriptor.closeAfter { _ = try descriptor.writeAll(toAbsoluteOffset: Int64(offset), bytes) }
  }

  /// Reads a little-endian number of `width` bytes.
  func number(in file: FilePath, at offset: UInt64, width: Int) throws -> UInt64 {
    let descriptor = try FileDescriptor.open(file, .readOnly)
    let bytes = try descriptor.closeAfter { try descriptor.bytes(at: offset, count: width) }
    return bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}
