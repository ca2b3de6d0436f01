import BlockMap

/// Paths for `xargs -0`: as they are, each followed by a NUL.
enum PathList {
  /// A name from a hostile guest can contain a NUL, which would make two names of it. It is written as in a map.
  static func append(_ path: UnsafeRawBufferPointer, to output: inout [UInt8]) {
    if path.contains(0) { Escaping.append(path, as: .path, to: &output) } else { output.append(contentsOf: path) }
    output.append(0)
  }
}
