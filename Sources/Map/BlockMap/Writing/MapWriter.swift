import SystemPackage

/// Writes the lines of a map to a file that appears when it is complete.
struct MapWriter: ~Copyable {
  private var file: AtomicFile
  private var buffer: [UInt8] = []
  private static let flushAt = 256 << 10
  private let maximumBytes: UInt64
  private var writtenBytes: UInt64 = 0
  /// The directory of the last path, escaped. The next path is often in the same directory.
  private var directory: (node: UInt32, text: [UInt8]) = (PathTree.top, [])

  init(path: FilePath, maximumBytes: UInt64) throws(MapError) {
    file = try AtomicFile(path: path)
    self.maximumBytes = maximumBytes
    buffer.reserveCapacity(Self.flushAt + 4096)
  }

  mutating func writeHeader(
    _ disks: [DiskDescription], _ devices: [DeviceDescription], isIncomplete: Bool
  ) throws(MapError) {
    buffer.append(contentsOf: "# virt-bmap 2\n".utf8)
    if isIncomplete { buffer.append(contentsOf: "# incomplete\n".utf8) }
    for (index, disk) in disks.enumerated() {
      buffer.append(contentsOf: "# disk \(index + 1) size=".utf8)
      HexNumber.append(disk.size, to: &buffer)
      buffer.append(contentsOf: " format=".utf8)
      Escaping.append(disk.format, as: .device, to: &buffer)
      buffer.append(contentsOf: " file=".utf8)
      Escaping.append(disk.file, as: .device, to: &buffer)
      buffer.append(0x0a)
    }
    for device in devices {
      buffer.append(contentsOf: "# device ".utf8)
      Escaping.append(device.name, as: .device, to: &buffer)
      if !device.type.isEmpty {
        buffer.append(contentsOf: " type=".utf8)
        Escaping.append(device.type, as: .device, to: &buffer)
      }
      if device.isEncrypted { buffer.append(contentsOf: " encrypted=yes".utf8) }
      buffer.append(0x0a)
    }
    try flush()
  }

  mutating func write(_ range: MappedRange, _ objects: CollectedObjects) throws(MapError) {
    buffer.append(contentsOf: String(range.disk).utf8)
    buffer.append(0x20)
    HexNumber.append(range.range.lowerBound, to: &buffer)
    buffer.append(0x20)
    HexNumber.append(range.range.upperBound, to: &buffer)
    buffer.append(0x20)
    buffer.append(objects.kind(of: range.object).rawValue)
    if range.objectOffset != 0 {
      buffer.append(0x40)
      HexNumber.append(range.objectOffset, to: &buffer)
    }
    buffer.append(0x20)
    objects.device(of: range.object).withUnsafeBytes { Escaping.append($0, as: .device, to: &buffer) }
    if let path = objects.path(of: range.object) {
      buffer.append(0x20)
      append(path, objects.paths)
    }
    buffer.append(0x0a)
    if buffer.count >= Self.flushAt { try flush() }
  }

  private mutating func append(_ path: UInt32, _ paths: PathTree) {
    let parent = paths.parent(of: path)
    if parent != PathTree.top {
      if parent != directory.node {
        directory = (parent, [])
        paths.appendEscaped(parent, to: &directory.text)
      }
      buffer.append(contentsOf: directory.text)
      buffer.append(0x2f)
    }
    paths.appendEscapedName(path, to: &buffer)
  }

  consuming func commit() throws(MapError) {
    try flush()
    try file.commit()
  }

  private mutating func flush() throws(MapError) {
    writtenBytes &+= UInt64(buffer.count)
    guard writtenBytes <= maximumBytes else { throw .tooLarge(maximumBytes) }
    try file.write(buffer)
    buffer.removeAll(keepingCapacity: true)
  }
}
