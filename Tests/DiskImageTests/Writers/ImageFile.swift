import SystemPackage

/// A file that a writer fills. Ranges that are not written are holes.
struct ImageFile {
  private let workspace: Workspace
  let path: FilePath
  private let file: FileDescriptor

  init(_ workspace: Workspace, _ name: String) throws {
    self.workspace = workspace
    path = workspace(name)
    file = try FileDescriptor.open(path, .writeOnly, options: [.create, .truncate], permissions: [.ownerReadWrite])
  }

  func put(_ bytes: [UInt8], at offset: UInt64) throws { try file.writeAll(toAbsoluteOffset: Int64(offset), bytes) }
  func put(_ bytes: [UInt8], atSector sector: UInt64) throws { try put(bytes, at: sector * 512) }

  /// Sets the file's length and closes it.
  func finish(sectors: UInt64) throws {
    try workspace.truncate(path, to: sectors * 512)
    try file.close()
  }
}

extension [UInt8] {
  mutating func add<Number: FixedWidthInteger>(_ number: Number) {
    Swift.withUnsafeBytes(of: number.littleEndian) { append(contentsOf: $0) }
  }

  /// The bytes, padded with zeros.
  func padded(to count: Int) -> [UInt8] { self + [UInt8](repeating: 0, count: Swift.max(0, count - self.count)) }

  /// The bytes, padded with zeros to the end of the sector.
  var paddedToSector: [UInt8] { padded(to: (count + 511) / 512 * 512) }
}

/// Rounds `number` up to a multiple of `unit`.
func roundUp(_ number: UInt64, to unit: UInt64) -> UInt64 { (number + unit - 1) / unit * unit }

/// Numbers as little-endian bytes.
func littleEndian<Number: FixedWidthInteger>(_ numbers: [Number]) -> [UInt8] {
  var bytes: [UInt8] = []
  bytes.reserveCapacity(numbers.count * Number.bitWidth / 8)
  for number in numbers { bytes.add(number) }
  return bytes
}
