import Glibc
import SystemPackage

/// The files of a disk, in a directory in memory. They stay open and are rewritten for each input.
final class HostileFiles {
  let directory: FilePath
  /// The paths of the files; the first one is opened.
  let paths: [FilePath]
  private let descriptors: [CInt]
  private var lengths: [Int]

  /// - Parameter parent: where to create the directory.
  init(in parent: FilePath) throws {
    var template = Array(parent.appending("fuzz-vmdk-XXXXXX").string.utf8CString)
    guard mkdtemp(&template) != nil else { throw Errno(rawValue: errno) }
    let directory = FilePath(platformString: template)
    self.directory = directory
    paths = ["disk.vmdk", "a.vmdk", "b.vmdk"].map { directory.appending($0) }
    descriptors = try paths.map { path in
      let descriptor = open(path.string, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
      guard descriptor >= 0 else { throw Errno(rawValue: errno) }
      return descriptor
    }
    lengths = paths.map { _ in 0 }
  }

  deinit {
    for descriptor in descriptors { close(descriptor) }
    for path in paths { unlink(path.string) }
    rmdir(directory.string)
  }

  /// Writes the contents to the files. Files without contents become empty.
  /// - Parameter length: the length of the first file.
  func write(_ contents: [[UInt8]], length: Int) throws {
    for (index, descriptor) in descriptors.enumerated() {
      let bytes = index < contents.count ? contents[index] : []
      let wanted = index == 0 ? length : bytes.count
      if lengths[index] == 0, wanted == 0 { continue }
      guard ftruncate(descriptor, 0) == 0 else { throw Errno(rawValue: errno) }
      let written = bytes.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
      guard written == bytes.count else { throw Errno(rawValue: errno) }
      if wanted > written { guard ftruncate(descriptor, off_t(wanted)) == 0 else { throw Errno(rawValue: errno) } }
      lengths[index] = wanted
    }
  }

  /// Whether a file has these bytes at an offset.
  func file(_ file: FilePath, holds bytes: UnsafeRawBufferPointer, at offset: UInt64) -> Bool {
    guard let index = paths.firstIndex(of: file), let from = off_t(exactly: offset) else { return false }
    return withUnsafeTemporaryAllocation(byteCount: max(1, bytes.count), alignment: 1) { stored in
      guard let start = stored.baseAddress, let wanted = bytes.baseAddress else { return bytes.isEmpty }
      return pread(descriptors[index], start, bytes.count, from) == bytes.count
        && memcmp(start, wanted, bytes.count) == 0
    }
  }
}
