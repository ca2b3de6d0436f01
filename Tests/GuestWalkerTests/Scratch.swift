import CLinux
import Glibc
import Testing
import WalkRecord

@testable import GuestWalker

/// A temporary directory for a test's files, with a directory to walk, `tree`.
final class Scratch {
  let path: String
  let tree: String

  init() throws {
    var template = Array("/var/tmp/guest-walker-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Failure() }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    tree = path + "/tree"
    guard mkdir(tree, 0o755) == 0 else { throw Failure() }
  }

  deinit {
    Self.remove(Array(path.utf8), in: AT_FDCWD)
  }

  private static func remove(_ name: [UInt8], in directory: Int32) {
    guard withName(name, { unlinkat(directory, $0, 0) }) != 0 else { return }
    let descriptor = withName(name) { clinux_openat(directory, $0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0) } ?? -1
    guard descriptor >= 0 else { return }
    let buffer = AlignedBuffer(size: 64 << 10)
    defer { buffer.bytes.deallocate() }
    for entry in DirectoryEntry.all(in: descriptor, buffer: buffer) ?? [] { remove(entry.name, in: descriptor) }
    close(descriptor)
    _ = withName(name) { unlinkat(directory, $0, AT_REMOVEDIR) }
  }

  struct Failure: Error {}

  func write(_ bytes: [UInt8], to name: String, at offset: Int = 0) throws {
    try write(bytes, toName: Array(name.utf8), at: offset)
  }

  func write(_ bytes: [UInt8], toName name: [UInt8], at offset: Int = 0) throws {
    let path = Array((tree + "/").utf8) + name
    let file = withName(path) { open($0, O_WRONLY | O_CREAT, 0o644) } ?? -1
    guard file >= 0 else { throw Failure() }
    defer { close(file) }
    guard pwrite(file, bytes, bytes.count, off_t(offset)) == bytes.count, fsync(file) == 0 else { throw Failure() }
  }

  func makeDirectory(_ name: String) throws {
    guard mkdir(tree + "/" + name, 0o755) == 0 else { throw Failure() }
  }

  /// A mount for the tree, as if it were a filesystem on a device of zeros.
  func mount(blockSize: UInt64 = 4096, isPlainDevice: Bool = true) throws -> Mount {
    let device = open(path + "/device", O_RDONLY | O_CREAT, 0o644)
    guard device >= 0, truncate(path + "/device", 1 << 20) == 0 else { throw Failure() }
    return Mount(
      directory: tree, devicePath: path + "/device", device: device, isPlainDevice: isPlainDevice, magic: 0,
      blockSize: blockSize, inodesInUse: 7, bytesInUse: 70_000)
  }

  /// The records of a walk over the tree.
  ///
  /// The channel is a file to which every write is appended, whatever its offset. Answers are read as zeros, so no
  /// chunk is ambiguous.
  func walk(_ filesystem: any WalkedFilesystem, _ method: WalkMethod) throws -> [Record] {
    let start = 2 << 20
    let descriptor = open(path + "/channel", O_RDWR | O_CREAT | O_APPEND | O_TRUNC, 0o644)
    guard descriptor >= 0, ftruncate(descriptor, off_t(start)) == 0 else { throw Failure() }
    defer { close(descriptor) }
    var walk = Walk(filesystem: filesystem, channel: Channel(descriptor: descriptor), method: method)
    try walk.run()
    var bytes = [UInt8](repeating: 0, count: Int(lseek(descriptor, 0, SEEK_END)) - start)
    guard pread(descriptor, &bytes, bytes.count, off_t(start)) == bytes.count else { throw Failure() }
    var records: [Record] = []
    try bytes.withUnsafeBytes { all in
      var rest = all[...]
      while rest.count > 8 {
        let write = UnsafeRawBufferPointer(rebasing: rest)
        try forEachRecord(in: write) { records.append($0) }
        let length = Int(write.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
        rest = rest.dropFirst((length + 511) / 512 * 512)
      }
    }
    return records
  }
}
