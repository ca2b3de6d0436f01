/// A part of an extent whose bytes are all kept in one way.
struct ExtentRun {
  enum Content {
    /// Not in this extent: the parent has it, and without one it is zeros.
    case unallocated
    case zero
    /// The bytes of a file from an offset on, in bytes; the file may have holes, which are zeros.
    case flat(HostFile, at: UInt64)
    /// The bytes of a file from an offset on, in bytes, each of them written.
    case stored(HostFile, at: UInt64)
    /// A part of one grain, from so many bytes into it on.
    case compressed(GrainExtent, grain: UInt64, skipping: UInt64)
    case damaged(GrainExtent, grain: UInt64)
    /// With the error of each read.
    case inaccessible(DiskError)
  }

  let content: Content
  /// In bytes from the start of the extent.
  let end: UInt64
}
