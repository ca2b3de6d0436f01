import Bytes

/// The metadata of a device-mapper cache: which blocks of the cached volume are in the cache, and which of these are
/// dirty, so that the volume itself has old content there.
///
/// For the format, see the kernel's documentation of caches and persistent data: blocks of 4096 bytes with checksums,
/// the first of which is the superblock; an array with a number for each block of the cache; and since version 2, an
/// array of bits that say which are dirty.
package struct CacheMetadata {
  /// Blocks of the volume that are next to each other in the cache, too.
  package struct Run: Equatable {
    /// In blocks of the volume.
    package var start: UInt64
    /// In blocks of the cache.
    package var stored: UInt64
    package var count: UInt64
    package var isDirty: Bool

    package init(start: UInt64, stored: UInt64, count: UInt64, isDirty: Bool) {
      (self.start, self.stored, self.count, self.isDirty) = (start, stored, count, isDirty)
    }
  }

  /// The size of the cache's blocks, in bytes.
  package let block: UInt64
  /// What is in the cache, sorted by `start`.
  package private(set) var runs: [Run] = []

  private static let magic: UInt64 = 0o6142003
  private static let superblockSeed: UInt32 = 9_031_977
  /// The flag of a superblock that says that the volume was shut down properly.
  private static let cleanShutdown: UInt64 = 1
  /// The flags of a value of the first array. Only version 1 has the second one.
  private static let valid: UInt64 = 1
  private static let dirtyFlag: UInt64 = 2
  /// The most blocks of a cache, four times as many as LVM makes without being asked.
  private static let maximumBlocks: UInt64 = 1 << 22

  /// Reads all of the metadata. Throws a `ThinMetadata.Failure`, or what `read` throws.
  /// - Parameter read: returns the block with this number.
  package init(read: @escaping (UInt64) throws -> [UInt8]) throws {
    let superblock = try read(0)
    let version = superblock.little(at: 40, width: 4)
    guard ThinMetadata.hasChecksum(superblock, Self.superblockSeed), superblock.little(at: 8, width: 8) == 0,
      superblock.little(at: 32, width: 8) == Self.magic, version == 1 || version == 2,
      let block = superblock.little(at: 232, width: 4).times(DeviceTableParser.sectorBytes), block > 0
    else { throw ThinMetadata.Failure.noSuperblock }
    self.block = block
    let count = superblock.little(at: 240, width: 4)
    guard count <= Self.maximumBlocks else { throw ThinMetadata.Failure.tooLarge }
    // After a crash nobody knows which blocks are dirty, so the kernel takes all of them for dirty.
    let isClean = superblock.little(at: 4, width: 4) & Self.cleanShutdown != 0
    var bits: [UInt64] = []
    if isClean, version == 2 {
      try MetadataArray(read: read).forEach(root: superblock.little(at: 284, width: 8), count: (count + 63) / 64) {
        bits.append($1)
      }
    }
    var found: [Run] = []
    let root = superblock.little(at: 192, width: 8)
    try MetadataArray(read: read).forEach(root: root, count: count) { stored, value in
      guard value & Self.valid != 0 else { return }
      let flag = version == 1 ? value & Self.dirtyFlag : isClean ? bits[Int(stored / 64)] >> (stored % 64) & 1 : 1
      found.append(Run(start: value >> 16, stored: stored, count: 1, isDirty: flag != 0 || !isClean))
    }
    for run in found.sorted(by: { $0.start < $1.start }) {
      if let last = runs.last {
        // A block is in the cache only once.
        guard run.start >= last.start + last.count else { throw ThinMetadata.Failure.damaged(block: root) }
        if run.start == last.start + last.count, run.stored == last.stored + last.count, run.isDirty == last.isDirty {
          runs[runs.count - 1].count += 1
          continue
        }
      }
      runs.append(run)
    }
  }

  /// What the cached volume is made of. Blocks that are not dirty are in the volume and in the cache, but the latter is
  /// left out if there are more of them than a map has room for.
  /// - Parameter size: size of the volume, in bytes.
  /// - Returns: nil if numbers are too large.
  package func segments(origin: Substring, cache: Substring, size: UInt64) -> [DeviceTable.Segment]? {
    var segments: [DeviceTable.Segment] = []
    var position: UInt64 = 0
    func add(to end: UInt64, inCache stored: UInt64?, isDirty: Bool = false) {
      guard position < end else { return }
      let inVolume = Target.Leg(device: origin, offset: position)
      let inCache = stored.map { Target.Leg(device: cache, offset: $0) }
      let target: Target = inCache.map { isDirty ? .linear($0) : .mirrored([inVolume, $0]) } ?? .linear(inVolume)
      segments.append(DeviceTable.Segment(range: position..<end, target: target))
      position = end
    }
    // Each of them takes a location in the cache, one in the volume, and one in the volume before it.
    let hasRoom = runs.count < Int(DeviceTable.maximumLocations) / 3
    for run in runs where run.isDirty || hasRoom {
      guard let range = range(of: run), let stored = run.stored.times(block) else { return nil }
      guard range.lowerBound < size else { break }
      add(to: range.lowerBound, inCache: nil)
      add(to: min(range.upperBound, size), inCache: stored, isDirty: run.isDirty)
    }
    add(to: size, inCache: nil)
    return segments
  }

  /// The parts of the volume itself that have old content, in bytes.
  /// - Parameter size: size of the volume, in bytes.
  package func stale(size: UInt64) -> [Range<UInt64>] {
    runs.filter(\.isDirty).compactMap { range(of: $0)?.clamped(to: 0..<size) }.filter { !$0.isEmpty }
  }

  /// A run's bytes of the volume; nil if the numbers are too large.
  private func range(of run: Run) -> Range<UInt64>? {
    guard let start = run.start.times(block), let length = run.count.times(block), let end = start.plus(length) else {
      return nil
    }
    return start..<end
  }
}
