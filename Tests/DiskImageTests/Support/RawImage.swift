import SystemPackage

/// Pseudo-random numbers that are the same in each run.
struct Seeded: RandomNumberGenerator {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed }

  /// SplitMix64.
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  mutating func bytes(_ count: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count + 8) { buffer, used in
      let raw = UnsafeMutableRawBufferPointer(buffer)
      for offset in stride(from: 0, to: count, by: 8) {
        raw.storeBytes(of: next(), toByteOffset: offset, as: UInt64.self)
      }
      used = count
    }
  }
}

/// A raw disk to create others from: sparse, with random bytes in the given ranges.
struct RawImage {
  let path: FilePath
  let size: UInt64

  /// - Parameter data: ranges in bytes to fill; the rest is a hole.
  init(_ workspace: Workspace, _ name: String = "disk.raw", size: UInt64, data: [Range<UInt64>], seed: UInt64 = 1)
    throws
  {
    path = workspace(name)
    self.size = size
    var random = Seeded(seed)
    let file = try FileDescriptor.open(
      path, .writeOnly, options: [.create, .truncate], permissions: [.ownerReadWrite])
    try file.closeAfter {
      try workspace.truncate(path, to: size)
      for range in data where range.lowerBound < size {
        let end = min(range.upperBound, size)
        try file.writeAll(toAbsoluteOffset: Int64(range.lowerBound), random.bytes(Int(end - range.lowerBound)))
      }
    }
  }
}
