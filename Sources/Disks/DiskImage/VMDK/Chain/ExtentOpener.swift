import Glibc
import SystemPackage

/// Opens the extents of a disk and of its parents, within one budget and with one cache.
struct ExtentOpener {
  private let options: OpenOptions
  private let cache = GrainEntryCache()
  private var budget = VMDKOpenBudget()
  /// How many grains the extents before the next one have.
  private var grains: UInt64 = 0
  private var warnings: [String] = []
  /// Files of the image that is being opened, by the name its descriptor gives them.
  private var openFiles: [[UInt8]: HostFile] = [:]

  init(options: OpenOptions) { self.options = options }

  /// What was odd in the extents of the image that was opened last, which is done now.
  mutating func takeWarnings() -> [String] {
    defer {
      warnings = []
      openFiles = [:]
    }
    return warnings
  }

  /// Opens what a descriptor's line names.
  /// - Parameter descriptor: its file, for messages.
  /// - Throws: `DiskError`, where the file cannot be opened or is too short.
  mutating func open(
    _ line: DescriptorExtent, in directory: borrowing ImageDirectory, descriptor: FilePath
  ) throws(DiskError) -> (Extent, ExtentHeader?) {
    try spendExtent(path: descriptor)
    if line.access == .none {
      let error = DiskError(descriptor, "line \(line.line) declares this range of the disk NOACCESS", errno: EPERM)
      return (Extent(size: line.size, storage: .inaccessible(error)), nil)
    }
    switch line.storage {
    case .zero: return (Extent(size: line.size, storage: .zero), nil)
    case .flat(let name, let offset):
      let file = try open(name, line, in: directory)
      // Neither is above Int64.max, so their sum does not overflow.
      let end = offset + line.size
      guard end <= file.length else {
        throw DiskError(
          file.path,
          "has \(file.length) bytes, but line \(line.line) of the descriptor needs \(end): it was truncated", errno: EIO
        )
      }
      return (Extent(size: line.size, storage: .flat(file, start: offset)), nil)
    case .sparse(let name):
      let file = try open(name, line, in: directory)
      let header = try ExtentHeader.read(from: file, options: options)
      try header.checkCapacity(covers: line, path: file.path)
      return (try grains(header, of: file, size: line.size), header)
    }
  }

  /// Opens an extent whose header was read.
  mutating func open(_ header: ExtentHeader, of file: HostFile, size: UInt64) throws(DiskError) -> Extent {
    try spendExtent(path: file.path)
    return try grains(header, of: file, size: size)
  }

  private mutating func grains(
    _ header: ExtentHeader, of file: HostFile, size: UInt64
  ) throws(DiskError) -> Extent {
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
    return Extent(size: size, storage: .grains(extent))
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
    // The partitions of a device are extents of one file.
    if let file = openFiles[name] { return file }
    let file = try directory.open(name, role: "the extent of line \(line.line)")
    openFiles[name] = file
    return file
  }
}
