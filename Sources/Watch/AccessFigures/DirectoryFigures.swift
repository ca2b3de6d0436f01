import BlockMap

/// The accesses below each directory, which include those to the directory itself.
package struct DirectoryFigures: Sendable {
  /// A directory of a filesystem. The name of the device and the path are not escaped.
  package struct Directory: Hashable, Sendable {
    package var device: [UInt8]
    package var path: [UInt8]

    package init(device: [UInt8], path: [UInt8]) {
      self.device = device
      self.path = path
    }
  }

  /// Limits, because a hostile log could name paths with any number of slashes. What exceeds them counts for the
  /// nearest directory above.
  private static let maximumDepth = 64
  private static let maximumPath = 4096
  private static let maximumBytes = 256 << 20

  package private(set) var all: [Directory: AccessPair] = [:]
  private var bytes = 0

  /// - Parameter table: of the log that the figures are about.
  package init(_ figures: AccessFigures, _ table: ObjectTable) {
    for (index, counts) in figures.objects.enumerated() where !counts.isEmpty {
      let object = ObjectID(rawValue: UInt32(index))
      let isDirectory = table.kind(of: object) == .directory
      let device = table.device(of: object)
      table.withPath(of: object) { path in
        guard let path, path.first == 0x2f else { return }
        add(counts, device: device, path: path, isDirectory: isDirectory)
      }
    }
  }

  private mutating func add(
    _ counts: AccessPair, device: [UInt8], path: UnsafeRawBufferPointer, isDirectory: Bool
  ) {
    var ends = [1]
    for index in path.indices.dropFirst().prefix(Self.maximumPath) where path[index] == 0x2f { ends.append(index) }
    if isDirectory, path.count > 1, path.count <= Self.maximumPath { ends.append(path.count) }
    for end in ends.prefix(Self.maximumDepth) {
      let directory = Directory(device: device, path: Array(path[..<end]))
      if all[directory] == nil {
        bytes += end + device.count
        guard bytes <= Self.maximumBytes || end == 1 else { return }
      }
      all[directory, default: AccessPair()].add(counts)
    }
  }
}
