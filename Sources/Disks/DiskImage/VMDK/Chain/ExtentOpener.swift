import Glibc
import SystemPackage

/// Opens the extents of a disk and of its parents. They share one budget and one cache.
struct ExtentOpener {
  private let options: OpenOptions
  private let cache = GrainEntryCache()
  private var budget = VMDKOpenBudget()
  /// The number of grains in all extents opened so far.
  private var grains: UInt64 = 0
  private var warnings: [String] = []
  /// The open files of the current image, by the names in its descriptor.
  private var openFiles: [[UInt8]: HostFile] = [:]

  init(options: OpenOptions) { self.options = options }

  /// Returns the warnings about the extents of the current image, and ends that image.
  mutating func takeWarnings() -> [String] {
    defer {
      warnings = []
      openFiles = [:]
    }
    return warnings
  }

  /// Opens the extent that a line of a descriptor describes.
  /// - Parameter descriptor: the file of the descriptor, for messages.
  /// - Throws: `DiskError` if the file cannot be opened, is invalid or is too short.
  mutating func open(
    _ line: DescriptorExtent, in directory: borrowing ImageDirectory, descriptor: FilePath
  ) throws(DiskError) -> (VMDKExtent, ExtentHeader?) {
    try spendExtent(path: descriptor)
    if line.access == .none {
      let error = DiskError(descriptor, "line \(line.line) declares this range of the disk NOACCESS", errno: EPERM)
      return (VMDKExtent(size: line.size, storage: .inaccessible(error)), nil)
    }
    switch line.storage {
    case .zero: return (VMDKExtent(size: line.size, storage: .zero), nil)
    case .flat(let name, let offset):
      let file = try open(name, line, in: directory)
      // Neither exceeds Int64.max, so the sum cannot overflow.
      let end = offset + line.size
      guard end <= file.length else {
        throw DiskError(
          file.path,
          "has \(file.length) bytes, but line \(line.line) of the descriptor needs \(end): it was truncated", errno: EIO
        )
      }
      return (VMDKExtent(size: line.size, storage: .flat(file, start: offset)), nil)
    case .sparse(let name):
      let file = try open(name, line, in: directory)
      let header = try ExtentHeader.read(from: file, options: options)
      try header.checkCapacity(covers: line, path: file.path)
      return (try grains(header, of: file, size: line.size), header)
    }
  }

  /// Opens an extent whose header has already been read.
  mutating func open(_ header: ExtentHeader, of file: HostFile, size: UInt64) throws(DiskError) -> VMDKExtent {
    try spendExtent(path: file.path)
    return try grains(header, of: file, size: size)
  }

  private mutating func grains(
    _ header: ExtentHeader, of file: HostFile, size: UInt64
  ) throws(DiskError) -> VMDKExtent {
    var layout = header.layout
    guard layout.grains <= budget.grains else {
      throw DiskError(file.path, "the disk and its parents have more than \(VMDKLimits.grains) grains", errno: EINVAL)
    }
    budget.grains -= layout.grains
    warnings += header.warnings
    warnings += try layout.listTables(of: file, budget: &budget)
    let extent = GrainExtent(file: file, layout: layout, size: size, cache: cache, firstGrain: grains)
    grains += layout.grains
    warnings += extent.survey(budget: &budget.checkedBytes).warnings(of: extent)
    return VMDKExtent(size: size, storage: .grains(extent))
  }

  private mutating func spendExtent(path: FilePath) throws(DiskError) {
    guard budget.extents > 0 else {
      throw DiskError(path, "the disk and its parents have more than \(VMDKLimits.extents) extents", errno: EINVAL)
    }
    budget.extents -= 1
  }

  private mutating func open(
    _ name: [UInt8], _ line: DescriptorExtent, in directory: borrowing ImageDirectory
  ) throws(DiskError) -> HostFile {
    // The partitions of a device may be separate extents of the same file.
    if let file = openFiles[name] { return file }
    let file = try directory.open(name, role: "the extent of line \(line.line)")
    openFiles[name] = file
    return file
  }
}
