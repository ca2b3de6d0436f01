import Glibc
import Inflate
import Synchronization
import SystemPackage

/// Reads the compressed grains of a disk. Any number of threads may use it.
///
/// A request for a whole grain is decompressed straight into the caller's buffer. For a smaller request, the
/// decompressed grain is kept for a while, because the reader usually continues with the rest of the grain.
struct GrainInflater: Sendable {
  private let workers: [Worker]
  private let recent = RecentGrains()

  /// A decompressor, locked by the thread that uses it.
  private final class Worker: Sendable {
    let inflater = Mutex(Inflater())
  }

  init() { workers = (0..<64).map { _ in Worker() } }

  /// Fills a buffer from a grain, starting `skipping` bytes into it.
  /// - Throws: `DiskError` with `EIO` if the grain is damaged.
  func read(
    _ grain: UInt64, of extent: GrainExtent, skipping: UInt64, into target: UnsafeMutableRawBufferPointer
  ) throws(DiskError) {
    let size = Int(extent.layout.grainBytes)
    if target.count == size {
      _ = try inflate(grain, of: extent, into: target)
      return
    }
    let number = extent.firstGrain &+ grain
    let bytes: GrainBytes
    if let known = recent.grain(number, size: size) {
      bytes = known
    } else {
      bytes = GrainBytes(count: size)
      _ = try bytes.withBytes { (room) throws(DiskError) in try inflate(grain, of: extent, into: room) }
      recent.keep(bytes, for: number)
    }
    bytes.withBytes { room in
      target.copyMemory(from: UnsafeRawBufferPointer(rebasing: room[Int(skipping)..<(Int(skipping) + target.count)]))
    }
  }

  /// Where in the file the compressed bytes of a grain are.
  /// - Throws: `DiskError` with `EIO` if the grain is damaged.
  func compressedRange(ofGrain grain: UInt64, of extent: GrainExtent) throws(DiskError) -> Range<UInt64> {
    let found = try extent.compressedGrain(grain)
    guard extent.layout.compression == .bare else { return found }
    // The end of the grain is known only after decompressing it.
    let taken = try GrainBytes(count: Int(extent.layout.grainBytes)).withBytes { (room) throws(DiskError) in
      try inflate(grain, of: extent, into: room)
    }
    return found.lowerBound..<(found.lowerBound &+ UInt64(taken))
  }

  /// - Returns: the number of compressed bytes consumed.
  private func inflate(
    _ grain: UInt64, of extent: GrainExtent, into target: UnsafeMutableRawBufferPointer
  ) throws(DiskError) -> Int {
    let range = try extent.compressedGrain(grain)
    let result = try withInflater { (inflater) throws(DiskError) in
      try inflater.inflate(count: range.count, into: target) { (compressed) throws(DiskError) in
        try extent.file.read(into: compressed, at: range.lowerBound)
      }
    }
    let wanted = extent.range(ofGrain: grain)
    let wrong: String
    switch result {
    case .success(let (taken, produced)):
      // The last grain may be complete, or may end at the end of the disk.
      if produced == target.count || UInt64(produced) >= wanted.upperBound - wanted.lowerBound { return taken }
      wrong = "decompresses to \(produced) bytes, not to a grain's \(target.count)"
    case .failure(.tooLong): wrong = "decompresses to more than a grain's \(target.count) bytes"
    case .failure(.damaged): wrong = "cannot be decompressed: it is damaged"
    case .failure(.outOfMemory): throw DiskError(extent.file.path, "no memory to decompress a grain", errno: ENOMEM)
    }
    throw DiskError(
      extent.file.path,
      "the grain at offset \(range.lowerBound), for the extent's bytes \(wanted.lowerBound)-\(wanted.upperBound - 1), "
        + wrong, errno: EIO)
  }

  /// Calls `body` with a decompressor that no other thread is using.
  private func withInflater<Result: ~Copyable>(
    _ body: (inout Inflater) throws(DiskError) -> sending Result
  ) throws(DiskError) -> Result {
    // Start at a different decompressor in each thread, so that threads seldom collide.
    let first = Int(UInt64(pthread_self()) &* 0x9e37_79b9_7f4a_7c15 >> 58)
    for offset in workers.indices {
      let worker = workers[(first &+ offset) & 63]
      if let result = try worker.inflater.withLockIfAvailable(body) { return result }
    }
    return try workers[first].inflater.withLock(body)
  }
}

extension GrainExtent {
  /// Where the compressed bytes of a stored grain are. Without a marker their size is unknown, and the range extends
  /// beyond them.
  /// - Throws: `DiskError` with `EIO` if the marker of the grain is invalid.
  ///
  /// A marker consists of a sector number of the extent (8 bytes) and a size (4 bytes), both little endian; see
  /// "Compressed Grains" in VMware's technical note "Virtual Disk Format 5.0".
  fileprivate func compressedGrain(_ grain: UInt64) throws(DiskError) -> Range<UInt64> {
    let state = state(ofGrain: grain)
    guard state.kind == .stored else { throw damage(ofGrain: grain) }
    let start = layout.offset(of: state)
    // Deflate adds a few bytes to each block of incompressible data.
    let maximum = layout.grainBytes * 2 + 512
    guard layout.compression == .marked else { return start..<min(file.length, start &+ maximum) }
    var marker: (sector: UInt64, size: UInt64) = (0, 0)
    try file.withNumbers(at: start, count: 3, width: 4) { index, word in
      switch index {
      case 0: marker.sector = word
      case 1: marker.sector |= word << 32
      default: marker.size = word
      }
    }
    let wanted = range(ofGrain: grain)
    func wrong(_ what: String) -> DiskError {
      DiskError(
        file.path,
        "the marker at offset \(start), for the extent's bytes \(wanted.lowerBound)-\(wanted.upperBound - 1), \(what)",
        errno: EIO)
    }
    guard marker.sector == wanted.lowerBound / VMDKLimits.sectorBytes else {
      throw wrong("is that of sector \(marker.sector)")
    }
    guard marker.size > 0, marker.size <= maximum else {
      throw wrong("gives a size of \(marker.size) bytes, which no grain can have")
    }
    let data = start &+ 12
    guard data <= file.length, marker.size <= file.length - data else {
      throw wrong("needs \(marker.size) bytes, but the file has \(file.length): it was truncated or is damaged")
    }
    return data..<(data &+ marker.size)
  }
}
