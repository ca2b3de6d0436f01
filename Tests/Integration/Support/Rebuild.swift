import Glibc
import SystemPackage

/// Rebuilds files from their ranges in the map and the raw disk.
struct Rebuild {
  /// A file: its name in the map, its size in bytes, and its ranges.
  struct File {
    var name: ObjectName
    var size: UInt64
    var lines: [MapText.Line]
  }

  let disk: FilePath

  /// The contents that these lines describe: `size` bytes, zeros where there is no range.
  func bytes(size: UInt64, of lines: [MapText.Line]) throws -> [UInt8] {
    let source = try FileDescriptor.open(disk, .readOnly)
    return try source.closeAfter {
      var result = [UInt8](repeating: 0, count: Int(size))
      try result.withUnsafeMutableBytes { bytes in
        for line in lines where line.offset < size {
          let count = min(UInt64(line.range.count), size - line.offset)
          let target = UnsafeMutableRawBufferPointer(rebasing: bytes[Int(line.offset)..<Int(line.offset + count)])
          try source.readExactly(into: target, at: line.range.lowerBound)
        }
      }
      return result
    }
  }

  /// The SHA-256 of each file, in order.
  func digests(_ files: [File]) async throws -> [String] {
    let scratch = try Scratch()
    for (index, file) in files.enumerated() {
      try bytes(size: file.size, of: file.lines).write(to: scratch("\(index)"))
    }
    let names = files.indices.map { "\($0)" }.joined(separator: "\0")
    let sums = try await tool("xargs", ["-0", "sha256sum", "--"], in: scratch.path, input: names)
    var result = [String](repeating: "", count: files.count)
    for line in sums.outputLines {
      let fields = line.split(separator: " ")
      if fields.count == 2, let index = Int(fields[1]) { result[index] = String(fields[0]) }
    }
    return result
  }
}
