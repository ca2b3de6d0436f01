public import SystemPackage

/// Where a range of a disk is kept.
public struct DiskPlace: Equatable, Sendable {
  /// What keeps the bytes.
  public enum Storage: Equatable, Sendable {
    /// The bytes of `file` from `offset` (in bytes) on, one for one.
    case file(FilePath, offset: UInt64)
    /// Compressed: these bytes (in bytes from the start of `file`) hold the whole grain, of which the range is the part
    /// that begins `skipping` bytes into what they decompress to.
    case compressed(FilePath, at: Range<UInt64>, skipping: UInt64)
    /// Nothing: the image says that they are zeros.
    case zero
    /// Nothing: they were never stored, and read as zeros.
    case hole
    /// Damaged, missing or declared inaccessible: a read tells what is wrong.
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

/// Joins neighbouring places that continue each other, so that `VirtualDisk.places` reports each only once.
struct PlaceJoiner {
  private var pending: DiskPlace?

  /// Adds the place of the range that follows the last one.
  /// - Returns: false when `body` wants no more.
  mutating func add(
    _ place: DiskPlace, to body: (DiskPlace) throws(DiskError) -> Bool
  ) throws(DiskError) -> Bool {
    guard let last = pending else {
      pending = place
      return true
    }
    if continues(last, place) {
      pending = DiskPlace(range: last.range.lowerBound..<place.range.upperBound, storage: last.storage)
      return true
    }
    pending = place
    return try body(last)
  }

  private func continues(_ last: DiskPlace, _ place: DiskPlace) -> Bool {
    switch (last.storage, place.storage) {
    case (.file(let file, let offset), .file(let other, let next)):
      next == offset &+ (last.range.upperBound &- last.range.lowerBound) && file == other
    case (.zero, .zero), (.hole, .hole), (.unreadable, .unreadable): true
    default: false
    }
  }

  /// Hands out the last place. Not to be called after `body` returned false.
  mutating func finish(_ body: (DiskPlace) throws(DiskError) -> Bool) throws(DiskError) {
    if let last = pending {
      pending = nil
      _ = try body(last)
    }
  }
}
