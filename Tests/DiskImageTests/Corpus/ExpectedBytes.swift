import SystemPackage

/// A file with the expected bytes of an image's ranges, one after another, for this project's reader and the others.
struct ExpectedBytes {
  let path: FilePath

  init(_ image: CorpusImage, _ workspace: Workspace, number: Int) throws {
    let file = try ImageFile(workspace, "expected-\(number)")
    path = file.path
    var position: UInt64 = 0
    for range in image.ranges {
      try file.put(image.content.bytes(in: range), at: position)
      position += UInt64(range.count)
    }
    try file.finish(sectors: position / 512)
  }

  /// Calls `body` with each range and its bytes.
  func forEach(_ ranges: [Range<UInt64>], _ body: (Range<UInt64>, [UInt8]) throws -> Void) throws {
    let file = try FileDescriptor.open(path, .readOnly)
    try file.closeAfter {
      for range in ranges { try body(range, file.bytes(count: range.count)) }
    }
  }
}

extension FileDescriptor {
  /// Reads the next bytes of the file, or those at an offset; fewer at the end.
  func bytes(at offset: UInt64? = nil, count: Int) throws -> [UInt8] {
    try [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
      let target = UnsafeMutableRawBufferPointer(buffer)
      used = try offset.map { try read(fromAbsoluteOffset: Int64($0), into: target) } ?? read(into: target)
    }
  }
}
