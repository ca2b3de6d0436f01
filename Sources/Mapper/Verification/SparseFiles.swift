import FileProof

/// Decides what to read of large files, which may be mostly holes: the data, and not the holes.
enum SparseFiles {
  /// Smaller files are read whole. In bytes.
  static let minimum: UInt64 = 16 << 20
  /// If the filesystem does not say where holes are, a file with more bytes of holes would take too long to read.
  private static let maximumHoles: UInt64 = 4 << 30
  /// The least limit on the data of a file, in bytes. A file that uses parts of the disks more than once may have more
  /// data than the disks.
  static let minimumLimit: UInt64 = 64 << 30
  /// The most files that are asked about at once; each may have many extents.
  static let atOnce = 20
  /// The most bytes that are read at once, unless one file has more. The number of parts is limited, too, to about as
  /// many as one file may have, since a program is started to read each part.
  private static let maximumBytesAtOnce: UInt64 = 256 << 20

  /// Whether reading a file would take too long.
  /// - Parameter maximumBytes: the most data that the file may have, in bytes.
  static func isBeyondReach(_ file: FilesystemWork.File, _ layout: DataLayout?, maximumBytes: UInt64) -> Bool {
    if let layout { return layout.bytes > maximumBytes }
    return file.size - min(file.size, file.allocated, maximumBytes) > maximumHoles
  }

  /// Groups the files that are read at once.
  /// - Parameter bytes: returns the size of a file.
  static func groups(
    _ files: [(file: Int, layout: DataLayout?)], bytes: (Int) -> UInt64
  ) -> [[(file: Int, layout: DataLayout?)]] {
    var result: [[(file: Int, layout: DataLayout?)]] = []
    var (sum, parts): (UInt64, Int) = (0, 0)
    for file in files {
      let own = file.layout?.bytes ?? bytes(file.file)
      parts += file.layout?.parts.count ?? 1
      if result.isEmpty || sum &+ own > maximumBytesAtOnce || parts > DataLayout.maximumParts {
        result.append([])
        (sum, parts) = (0, 0)
      }
      result[result.count - 1].append(file)
      sum &+= own
    }
    return result
  }
}
