public import SystemPackage

/// Where a range of a disk is stored.
public struct DiskLocation: Equatable, Sendable {
  /// How the bytes are stored.
  public enum Storage: Equatable, Sendable {
    /// As they are, in `file`, starting at `offset` (in bytes).
    case file(FilePath, offset: UInt64)
    /// As part of a compressed grain. `at` is where the whole compressed grain lies, in bytes from the start of `file`.
    /// The range starts `skipping` bytes into the decompressed grain.
    case compressed(FilePath, at: Range<UInt64>, skipping: UInt64)
    /// Not stored: the image says explicitly that they are zeros.
    case zero
    /// Not stored: they were never written, and read as zeros.
    case hole
    /// Damaged, missing or declared inaccessible. Reading the range gives the error.
    case unreadable
  }

  /// In bytes from the start of the disk. Not empty.
  public let range: Range<UInt64>
  public let storage: Storage

  public init(range: Range<UInt64>, storage: Storage) {
    self.range = range
    self.storage = storage
  }
}

/// Merges adjacent ranges that are also contiguous in storage, so that `VirtualDisk.locations` reports them as one.
struct LocationJoiner {
  private var pending: DiskLocation?

  /// Adds a range, which must start where the previous one ended.
  /// - Returns: false if `body` does not want any more.
  mutating func add(
    _ location: DiskLocation, to body: (DiskLocation) throws(DiskError) -> Bool
  ) throws(DiskError) -> Bool {
    guard let last = pending else {
      pending = location
      return true
    }
    if continues(last, location) {
      pending = DiskLocation(range: last.range.lowerBound..<location.range.upperBound, storage: last.storage)
      return true
    }
    pending = location
    return try body(last)
  }

  private func continues(_ last: DiskLocation, _ location: DiskLocation) -> Bool {
    switch (last.storage, location.storage) {
    case (.file(let file, let offset), .file(let other, let next)):
      next == offset &+ (last.range.upperBound &- last.range.lowerBound) && file == other
    case (.zero, .zero), (.hole, .hole), (.unreadable, .unreadable): true
    default: false
    }
  }

  /// Passes the last range to `body`. Do not call this after `body` has returned false.
  mutating func finish(_ body: (DiskLocation) throws(DiskError) -> Bool) throws(DiskError) {
    if let last = pending {
      pending = nil
      _ = try body(last)
    }
  }
}
