import Benchmarking
import Glibc
import SystemPackage

/// The disk that is served, its map, and the directories for logs and sockets.
struct Files: Sendable {
  static let size: UInt64 = 1 << 30
  /// The size of each file in the map, in bytes.
  private static let fileSize: UInt64 = 16 << 10

  let directory: FilePath
  /// A directory in /tmp, because the path of a socket must be short.
  let sockets: FilePath

  var disk: FilePath { directory.appending("disk.raw") }
  var map: FilePath { directory.appending("disk.bmap") }

  init(in directory: FilePath) async throws {
    self.directory = directory
    var template = Array("/tmp/bench-serve-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Errno(rawValue: errno) }
    sockets = FilePath(platformString: template)
    _ = try await timed(.name("mkdir"), ["-p", directory.string])
    if access(disk.string, F_OK) != 0 { try makeDisk() }
    try makeMap()
  }

  /// The disk has no holes, which servers would not have to read.
  private func makeDisk() throws {
    // Rename it when it is complete, so that an interrupted run leaves nothing that looks complete.
    let unfinished = FilePath("\(disk).unfinished")
    let file = try FileDescriptor.open(
      unfinished, .writeOnly, options: [.create, .truncate], permissions: [.ownerReadWrite])
    try file.closeAfter {
      for offset in stride(from: 0, to: Self.size, by: 1 << 20) {
        _ = try [UInt64](repeating: offset | 1, count: 1 << 17).withUnsafeBytes { try file.writeAll($0) }
      }
    }
    guard rename(unfinished.string, disk.string) == 0 else { throw Errno(rawValue: errno) }
  }

  /// Makes a map of 49,000 files, which cover three quarters of the disk's one partition. The partition starts at 1
  /// MiB.
  private func makeMap() throws {
    func hex(_ number: UInt64) -> String { String(number, radix: 16) }
    var lines =
      "# virt-bmap 2\n# disk 1 size=\(hex(Self.size)) format=raw file=disk.raw\n1 0 \(hex(Self.size)) v /dev/sda\n"
    lines += "1 100000 \(hex(Self.size)) p /dev/sda1\n"
    for start in stride(from: 1 << 20, to: Self.size, by: Int(Self.fileSize)) where start / Self.fileSize % 4 != 0 {
      let number = start / Self.fileSize
      lines +=
        "1 \(hex(start)) \(hex(start + Self.fileSize)) f /dev/sda1 /usr/lib/package-\(number / 20)/file-\(number)\n"
    }
    let file = try FileDescriptor.open(map, .writeOnly, options: [.create, .truncate], permissions: [.ownerReadWrite])
    _ = try file.closeAfter { try file.writeAll(lines.utf8) }
  }
}
