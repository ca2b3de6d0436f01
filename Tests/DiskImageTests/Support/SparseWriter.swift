import SystemPackage

/// Writes hosted sparse extents as described in VMware's technical note, with full control over every field, to
/// create images that qemu-img does not write, and invalid ones.
struct SparseWriter {
  var version: UInt32 = 1
  var flags: UInt32 = 1
  var capacity: UInt64
  var grainSectors: UInt64 = 128
  var descriptorSector: UInt64 = 0
  var descriptorSectors: UInt64 = 0
  var entriesPerTable: UInt32 = 512
  var redundantDirectory: UInt64 = 0
  var directory: UInt64 = 1
  var overhead: UInt64 = 128
  var unclean: UInt8 = 0
  var newlines: [UInt8] = [0x0a, 0x20, 0x0d, 0x0a]
  var compression: UInt16 = 0
  /// The contents of the file besides the header, by sector.
  var sectors: [UInt64: [UInt8]] = [:]
  /// In sectors.
  var length: UInt64

  init(capacity: UInt64, length: UInt64 = 1024) {
    self.capacity = capacity
    self.length = length
  }

  var header: [UInt8] {
    var bytes = Array("KDMV".utf8)
    func add<Number: FixedWidthInteger>(_ number: Number) {
      withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
    }
    add(version)
    add(flags)
    add(capacity)
    add(grainSectors)
    add(descriptorSector)
    add(descriptorSectors)
    add(entriesPerTable)
    add(redundantDirectory)
    add(directory)
    add(overhead)
    bytes.append(unclean)
    bytes += newlines
    add(compression)
    return bytes + [UInt8](repeating: 0, count: 512 - bytes.count)
  }

  /// Adds a directory or a table.
  mutating func put(_ entries: [UInt32], atSector sector: UInt64) {
    sectors[sector] = entries.flatMap { entry in withUnsafeBytes(of: entry.littleEndian) { Array($0) } }
  }

  /// Adds a grain filled with one byte.
  mutating func putGrain(_ byte: UInt8, atSector sector: UInt64) {
    sectors[sector] = [UInt8](repeating: byte, count: Int(grainSectors) * 512)
  }

  mutating func putDescriptor(_ text: String, atSector sector: UInt64 = 1, sectors count: UInt64 = 8) {
    descriptorSector = sector
    descriptorSectors = count
    sectors[sector] = Array(text.utf8)
  }

  @discardableResult
  func write(_ workspace: Workspace, _ name: String) throws -> FilePath {
    let path = workspace(name)
    let file = try FileDescriptor.open(
      path, .writeOnly, options: [.create, .truncate], permissions: [.ownerReadWrite])
    try file.closeAfter {
      try file.writeAll(header)
      for (sector, bytes) in sectors { try file.writeAll(toAbsoluteOffset: Int64(sector * 512), bytes) }
      try workspace.truncate(path, to: length * 512)
    }
    return path
  }
}

/// The text of a descriptor.
func descriptorText(
  _ createType: String, _ extents: [String], parentCID: String = "ffffffff", more: [String] = []
) -> String {
  (["# Disk DescriptorFile", "version=1", "CID=12345678", "parentCID=\(parentCID)", "createType=\"\(createType)\""]
    + more + ["", "# Extent description"] + extents + [
      "", "# The Disk Data Base", "#DDB", "ddb.adapterType = \"ide\"", "",
    ])
    .joined(separator: "\n")
}
