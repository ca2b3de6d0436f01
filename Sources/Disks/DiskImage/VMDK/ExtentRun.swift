/// A part of an extent whose bytes are all stored in one way.
struct ExtentRun {
  enum Content {
    /// Not in this extent: read it from the parent, or as zeros if there is no parent.
    case unallocated
    case zero
    /// In a file, starting at this offset (in bytes). The file may have holes, which read as zeros.
    case flat(HostFile, at: UInt64)
    /// In a file, starting at this offset (in bytes), and fully allocated.
    case stored(HostFile, at: UInt64)
    /// Part of one grain, starting `skipping` bytes into the decompressed grain.
    case compressed(GrainExtent, grain: UInt64, skipping: UInt64)
    case damaged(GrainExtent, grain: UInt64)
    /// Every read throws this error.
    case inaccessible(DiskError)
  }

  let content: Content
  /// In bytes from the start of the extent.
  let end: UInt64
}
