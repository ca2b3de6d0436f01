import Glibc
import SystemPackage

/// A VMDK: an image and, if it is a snapshot, its parents. What is not allocated in one image is read from the next.
/// Reads take no lock, except to use a decompressor.
struct VMDKDisk: VirtualDisk {
  let size: UInt64
  /// The file that the user named, for messages.
  private let path: FilePath
  /// The image that the user named, followed by its parent and so on. Never empty.
  private let layers: [Layer]
  private let inflater: GrainInflater

  init(_ layers: [Layer], path: FilePath) {
    self.layers = layers
    self.path = path
    size = layers.first?.size ?? 0
    inflater = GrainInflater()
  }

  /// Calls `body` with each run of a range, in order, until it returns false.
  /// - Parameter layer: the layer to start from. The layers above it are ignored.
  /// - Returns: false if `body` returned false.
  private func forEachRun(
    in range: Range<UInt64>, layer: Int = 0,
    _ body: (Range<UInt64>, ExtentRun.Content) throws(DiskError) -> Bool
  ) throws(DiskError) -> Bool {
    var position = range.lowerBound
    let end = min(range.upperBound, layers[layer].size)
    while position < end {
      let run = layers[layer].run(at: position, upTo: end)
      let part = position..<run.end
      // The length of the chain is limited, which limits the depth of the recursion.
      if case .unallocated = run.content, layer + 1 < layers.count {
        guard try forEachRun(in: part, layer: layer + 1, body) else { return false }
      } else {
        guard try body(part, run.content) else { return false }
      }
      position = run.end
    }
    // A parent may be smaller than its snapshot.
    if position < range.upperBound { return try body(position..<range.upperBound, .unallocated) }
    return true
  }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(DiskError) {
    let range = try checkedRange(at: offset, count: buffer.count, path: path)
    _ = try forEachRun(in: range) { (part, content) throws(DiskError) -> Bool in
      let inBuffer = Int(part.lowerBound &- offset)..<Int(part.upperBound &- offset)
      let target = UnsafeMutableRawBufferPointer(rebasing: buffer[inBuffer])
      switch content {
      case .unallocated, .zero: fillWithZeros(target)
      case .flat(let file, let fileOffset), .stored(let file, let fileOffset):
        try file.read(into: target, at: fileOffset)
      case .compressed(let extent, let grain, let skipping):
        try inflater.read(grain, of: extent, skipping: skipping, into: target)
      case .damaged(let extent, let grain): throw extent.damage(ofGrain: grain)
      case .inaccessible(let error): throw error
      }
      return true
    }
  }

  func extents(in range: Range<UInt64>, _ body: (DiskExtent) throws(DiskError) -> Bool) throws(DiskError) {
    try check(range, path: path)
    var joiner = ExtentJoiner()
    let wantsMore = try forEachRun(in: range) { (part, content) throws(DiskError) -> Bool in
      switch content {
      case .unallocated: return try joiner.add(part, .hole, to: body)
      case .zero: return try joiner.add(part, .zero, to: body)
      // Damaged and inaccessible ranges must not be reported as zeros. Reading them gives the error.
      case .stored, .compressed, .damaged, .inaccessible: return try joiner.add(part, .data, to: body)
      case .flat(let file, let fileOffset):
        var wantsMore = true
        try file.extents(in: fileOffset..<(fileOffset &+ (part.upperBound &- part.lowerBound))) {
          (extent) throws(DiskError) -> Bool in
          let start = part.lowerBound &+ (extent.range.lowerBound &- fileOffset)
          let end = part.lowerBound &+ (extent.range.upperBound &- fileOffset)
          wantsMore = try joiner.add(start..<end, extent.state, to: body)
          return wantsMore
        }
        return wantsMore
      }
    }
    if wantsMore { try joiner.finish(body) }
  }

  func locations(in range: Range<UInt64>, _ body: (DiskLocation) throws(DiskError) -> Bool) throws(DiskError) {
    try check(range, path: path)
    var joiner = LocationJoiner()
    let wantsMore = try forEachRun(in: range) { (part, content) throws(DiskError) -> Bool in
      let storage: DiskLocation.Storage
      switch content {
      case .unallocated: storage = .hole
      case .zero: storage = .zero
      case .flat(let file, let fileOffset), .stored(let file, let fileOffset):
        storage = .file(file.path, offset: fileOffset)
      case .compressed(let extent, let grain, let skipping):
        do throws(DiskError) {
          let bytes = try inflater.compressedRange(ofGrain: grain, of: extent)
          storage = .compressed(extent.file.path, at: bytes, skipping: skipping)
        } catch {
          storage = .unreadable
        }
      case .damaged, .inaccessible: storage = .unreadable
      }
      return try joiner.add(DiskLocation(range: part, storage: storage), to: body)
    }
    if wantsMore { try joiner.finish(body) }
  }

  func close() { for layer in layers { layer.close() } }
}

func fillWithZeros(_ buffer: UnsafeMutableRawBufferPointer) {
  if let start = buffer.baseAddress { memset(start, 0, buffer.count) }
}
