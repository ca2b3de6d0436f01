import Glibc
import SystemPackage

/// An extent whose file is open and found long enough.
struct OpenExtent {
  enum Storage {
    case ready(any VirtualDisk)
    /// Still in need of the disk's cache.
    case sparse(HostFile, SparseHeader)
  }

  let storage: Storage
  /// In bytes.
  let size: UInt64
  /// nil where there is none.
  let file: FilePath?

  /// How many entries of grain tables it has.
  var grains: UInt64 {
    if case .sparse(_, let header) = storage { header.grains } else { 0 }
  }

  /// - Throws: `DiskError`, where the file cannot be opened or is too short.
  init(
    _ extent: DescriptorExtent, in directory: borrowing ExtentDirectory, descriptor: FilePath,
    budget: inout VMDKOpenBudget
  ) throws(DiskError) {
    size = extent.size
    if extent.access == .none {
      storage = .ready(InaccessibleDisk(path: descriptor, size: extent.size, line: extent.line))
      file = nil
      return
    }
    switch extent.storage {
    case .zero:
      storage = .ready(ZeroDisk(path: descriptor, size: extent.size))
      file = nil
    case .flat(let name, let offset):
      let opened = try directory.open(name, line: extent.line)
      // Neither is above Int64.max, so their sum does not overflow.
      let end = offset + extent.size
      guard end <= opened.length else {
        throw DiskError(
          opened.path,
          "has \(opened.length) bytes, but line \(extent.line) of the descriptor needs \(end): "
            + "it was truncated", errno: EIO)
      }
      storage = .ready(FlatDisk(file: opened, start: offset, size: extent.size))
      file = opened.path
    case .sparse(let name):
      let opened = try directory.open(name, line: extent.line)
      let header = try SparseHeader.read(from: opened, budget: &budget)
      try header.checkCapacity(covers: extent, path: opened.path)
      storage = .sparse(opened, header)
      file = opened.path
    }
  }
}
