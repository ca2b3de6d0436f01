import Glibc
import SystemPackage

/// Opens a VMDK by the file that was named: a hosted sparse extent or a descriptor.
/// - Throws: `DiskError` as `openDisk` does.
func openVMDK(_ file: HostFile) throws(DiskError) -> OpenedDisk {
  let start = try file.bytes(at: 0, count: Int(min(file.length, UInt64(SparseHeader.bytes))))
  switch littleEndian32(start, at: 0) {
  case SparseHeader.magic:
    return try openSparseFile(file)
  case ForeignMagic.cowd:
    throw DiskError(file.path, "is an ESX sparse extent (COWD), which is not supported yet", errno: ENOTSUP)
  case ForeignMagic.seSparse:
    throw DiskError(file.path, "is an ESX sparse extent (seSparse), which is not supported yet", errno: ENOTSUP)
  default:
    return try openDescriptorFile(file)
  }
}

/// The first bytes of extents of other kinds, as little-endian numbers.
private enum ForeignMagic {
  /// "COWD"
  static let cowd: UInt32 = 0x4457_4f43
  static let seSparse: UInt32 = 0xcafe_babe
}

/// A file that begins with a sparse header: a whole disk with its descriptor inside, or an extent of a larger disk.
private func openSparseFile(_ file: HostFile) throws(DiskError) -> OpenedDisk {
  var budget = VMDKOpenBudget()
  let header = try SparseHeader.read(from: file, budget: &budget)
  var warnings = header.warnings
  var size = header.capacity
  if let place = header.descriptor {
    let text = try file.bytes(at: place.lowerBound, count: place.count)
    let descriptor = try Descriptor(parsing: text, path: file.path)
    try CreateType.check(descriptor, path: file.path)
    // The extent is the file itself, whatever name it had when the descriptor was written. Other files are not looked at.
    guard descriptor.extents.count == 1, let extent = descriptor.extents.first, case .sparse = extent.storage,
      extent.access != .none
    else {
      throw DiskError(
        file.path, "the descriptor inside the extent has to name one SPARSE extent, which is the file itself",
        errno: EINVAL)
    }
    try header.checkCapacity(covers: extent, path: file.path)
    size = extent.size
  } else {
    warnings.append("\(printable(file.path)): has no descriptor: it is read as a disk, but may be a part of one")
  }
  let cache = GrainEntryCache(grains: header.grains)
  let disk = SparseDisk(file: file, header: header, size: size, cache: cache, firstGrain: 0)
  warnings += try disk.checkTables(budget: &budget)
  return OpenedDisk(disk: disk, format: .vmdk, files: [file.path], warnings: warnings)
}

/// A file that is a descriptor and names its extents.
private func openDescriptorFile(_ file: HostFile) throws(DiskError) -> OpenedDisk {
  guard file.length <= VMDKLimits.descriptorBytes else {
    throw DiskError(
      file.path,
      "is not a VMDK: it has no VMDK header, and a descriptor has no more than "
        + "\(VMDKLimits.descriptorBytes) bytes", errno: EINVAL)
  }
  let descriptor = try Descriptor(parsing: file.bytes(at: 0, count: Int(file.length)), path: file.path)
  try CreateType.check(descriptor, path: file.path)

  let directory = try ExtentDirectory(of: file)
  var budget = VMDKOpenBudget()
  var extents: [OpenExtent] = []
  for extent in descriptor.extents {
    extents.append(try OpenExtent(extent, in: directory, descriptor: file.path, budget: &budget))
  }

  // The cache is shared, so it can be made only now that the number of all grains is known.
  var grains: UInt64 = 0
  for extent in extents { grains += extent.grains }
  let cache = GrainEntryCache(grains: grains)
  var parts: [any VirtualDisk] = []
  var files = [file.path]
  var warnings: [String] = []
  var firstGrain: UInt64 = 0
  for extent in extents {
    let disk: any VirtualDisk
    switch extent.storage {
    case .ready(let ready):
      disk = ready
    case .sparse(let file, let header):
      let sparse = SparseDisk(file: file, header: header, size: extent.size, cache: cache, firstGrain: firstGrain)
      warnings += header.warnings
      warnings += try sparse.checkTables(budget: &budget)
      disk = sparse
    }
    firstGrain += extent.grains
    parts.append(disk)
    if let path = extent.file, !files.contains(path) { files.append(path) }
  }
  let disk = try ConcatenatedDisk(parts, path: file.path)
  // The descriptor has been read, nothing will be read from it any more.
  file.close()
  return OpenedDisk(disk: disk, format: .vmdk, files: files, warnings: warnings)
}
